"""The offline algorithms and the methods, as data.

A run has one name and one directory; members 0..k-1 of one pre-training job serve every method that needs k.
"""

from off2on.errors import Off2OnError
from off2on.method import Algorithm, Method

ALGORITHMS = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm("cql", "conservative Q-learning", "offline"),
        Algorithm("fqe", "fitted Q evaluation of CQL's policy", "fqe", start="cql"),
        Algorithm("awac", "advantage-weighted actor-critic", "awac"),
        Algorithm("bcq", "batch-constrained Q-learning", "bcq"),
    )
}

_BALANCED = "SAC losses, balanced replay"

METHODS = {
    method.name: method
    for method in (
        Method("ours", "Ours", f"CQL ensemble, {_BALANCED}", "cql", "balanced"),
        Method("ours-n1", "Ours (N = 1)", f"one CQL agent, {_BALANCED}", "cql", "balanced", 1),
        Method("ours-n2", "Ours (N = 2)", f"two CQL agents, {_BALANCED}", "cql", "balanced", 2),
        Method("ours-n3", "Ours (N = 3)", f"three CQL agents, {_BALANCED}", "cql", "balanced", 3),
        Method("ours-n5", "Ours (N = 5)", f"five CQL agents, {_BALANCED}", "cql", "balanced", 5),
        Method("awac", "AWAC", "AWAC ensemble, uniform buffer", "awac", "uniform", objective="awac"),
        Method("awac-n1", "AWAC (N = 1)", "one AWAC agent, uniform buffer", "awac", "uniform", 1, "awac"),
        Method("bcq-ft", "BCQ-ft", "BCQ ensemble, uniform buffer", "bcq", "uniform", objective="bcq"),
        Method("bcq-ft-n1", "BCQ-ft (N = 1)", "one BCQ agent, uniform buffer", "bcq", "uniform", 1, "bcq"),
        Method("sac-ft", "SAC-ft", "one CQL agent, SAC losses, uniform buffer", "cql", "uniform", 1),
        Method(
            "sac-ft-online",
            "SAC-ft (online only)",
            "one CQL agent, SAC losses, online buffer",
            "cql",
            "online-only",
            1,
        ),
        Method("sac", "SAC", "SAC from scratch, no offline data", None, "online-only"),
        Method("uniform", "Uniform", "CQL ensemble, SAC losses, uniform buffer", "cql", "uniform"),
        Method("online-only", "Online only", "CQL ensemble, SAC losses, online buffer", "cql", "online-only"),
        Method(
            "cql-reg",
            "CQL Reg",
            "CQL ensemble, SAC losses and CQL's term, balanced replay",
            "cql",
            "balanced",
            objective="cql_reg",
        ),
        Method("fqe-init", "FQE-init", f"CQL policies with FQE critics, {_BALANCED}", "fqe", "balanced"),
        Method("fqe-init-n1", "FQE-init (N = 1)", f"one such agent, {_BALANCED}", "fqe", "balanced", 1),
        Method(
            "ours-ratio-mixture",
            "Ours (ratio to mixture)",
            f"CQL ensemble, {_BALANCED} by online over mixture density",
            "cql",
            "balanced-mixture",
        ),
    )
}


def get_method(name: str) -> Method:
    """The method of that name.

    Raises:
        Off2OnError: there is none.
    """
    if name not in METHODS:
        raise Off2OnError(f"unknown method '{name}'; known methods: {', '.join(METHODS)}")
    return METHODS[name]


def get_algorithm(name: str) -> Algorithm:
    """The offline algorithm of that name.

    Raises:
        Off2OnError: there is none.
    """
    if name not in ALGORITHMS:
        raise Off2OnError(f"unknown offline algorithm '{name}'; known algorithms: {', '.join(ALGORITHMS)}")
    return ALGORITHMS[name]
