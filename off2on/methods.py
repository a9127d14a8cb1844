"""The offline algorithms and the methods, as data.

A run has one name and one directory; members 0..k-1 of one pre-training job serve every method that needs k.
"""

from off2on.errors import Off2OnError
from off2on.method import DASHED, DOTTED, MIXED, Algorithm, Method, Style

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

# Colours of Okabe and Ito and of Tol, chosen so that the methods of a figure differ for colour-blind readers too.
METHODS = {
    method.name: method
    for method in (
        Method(
            "ours",
            "Ours",
            f"CQL ensemble, {_BALANCED}",
            "cql",
            "balanced",
            style=Style("#0072B2", "-", "o"),
            figures={
                "fig_3": "Ours",
                "fig_8": "No reg",
                "fig_9": "Ours",
                "fig_10": "Ours",
                "fig_11": "Balanced",
                "fig_12": "Ours",
                "fig_13": "Ours",
                "fig_14": "online to offline",
            },
        ),
        Method(
            "awac",
            "AWAC",
            "AWAC ensemble, uniform buffer",
            "awac",
            "uniform",
            objective="awac",
            style=Style("#E69F00", DASHED, "s"),
            figures={"fig_3": "AWAC"},
        ),
        Method(
            "bcq-ft",
            "BCQ-ft",
            "BCQ ensemble, uniform buffer",
            "bcq",
            "uniform",
            objective="bcq",
            style=Style("#009E73", MIXED, "^"),
            figures={"fig_3": "BCQ-ft"},
        ),
        Method(
            "sac-ft",
            "SAC-ft",
            "one CQL agent, SAC losses, uniform buffer",
            "cql",
            "uniform",
            1,
            style=Style("#D55E00", DASHED, "D"),
            figures={"fig_3": "SAC-ft", "fig_1b": "Uniform"},
        ),
        Method(
            "sac",
            "SAC",
            "SAC from scratch, no offline data",
            None,
            "online-only",
            style=Style("#555555", DOTTED, "X"),
            figures={"fig_3": "SAC"},
        ),
        Method(
            "ours-n1",
            "Ours (N = 1)",
            f"one CQL agent, {_BALANCED}",
            "cql",
            "balanced",
            1,
            style=Style("#56B4E9", MIXED, "v"),
            figures={"fig_12": "Ours", "fig_1c": "CQL init"},
        ),
        Method(
            "ours-n2",
            "Ours (N = 2)",
            f"two CQL agents, {_BALANCED}",
            "cql",
            "balanced",
            2,
            style=Style("#999933", DOTTED, "p"),
            figures={"fig_12": "Ours"},
        ),
        Method(
            "ours-n3",
            "Ours (N = 3)",
            f"three CQL agents, {_BALANCED}",
            "cql",
            "balanced",
            3,
            style=Style("#882255", DASHED, "<"),
            figures={"fig_12": "Ours"},
        ),
        Method(
            "ours-n5",
            "Ours (N = 5)",
            f"five CQL agents, {_BALANCED}",
            "cql",
            "balanced",
            5,
            style=Style("#117733", DOTTED, ">"),
            figures={"fig_12": "Ours"},
        ),
        Method(
            "uniform",
            "Uniform",
            "CQL ensemble, SAC losses, uniform buffer",
            "cql",
            "uniform",
            style=Style("#CC79A7", DASHED, "P"),
            figures={"fig_11": "Uniform"},
        ),
        Method(
            "online-only",
            "Online only",
            "CQL ensemble, SAC losses, online buffer",
            "cql",
            "online-only",
            style=Style("#661100", DOTTED, "h"),
            figures={"fig_11": "Online only"},
        ),
        Method(
            "sac-ft-online",
            "SAC-ft (online only)",
            "one CQL agent, SAC losses, online buffer",
            "cql",
            "online-only",
            1,
            style=Style("#332288", DOTTED, "d"),
            figures={"fig_1b": "Online only"},
        ),
        Method(
            "cql-reg",
            "CQL Reg",
            "CQL ensemble, SAC losses and CQL's term, balanced replay",
            "cql",
            "balanced",
            objective="cql_reg",
            style=Style("#B2182B", DASHED, "8"),
            figures={"fig_8": "CQL reg"},
        ),
        Method(
            "fqe-init",
            "FQE-init",
            f"CQL policies with FQE critics, {_BALANCED}",
            "fqe",
            "balanced",
            style=Style("#CC6677", MIXED, "D"),
            figures={"fig_13": "FQE init"},
        ),
        Method(
            "fqe-init-n1",
            "FQE-init (N = 1)",
            f"one such agent, {_BALANCED}",
            "fqe",
            "balanced",
            1,
            style=Style("#AA4499", DASHED, "H"),
            figures={"fig_1c": "FQE init"},
        ),
        Method(
            "ours-ratio-mixture",
            "Ours (ratio to mixture)",
            f"CQL ensemble, {_BALANCED} by online over mixture density",
            "cql",
            "balanced-mixture",
            style=Style("#000000", DOTTED, "s"),
            figures={"fig_14": "online to mixture"},
        ),
        Method(
            "awac-n1",
            "AWAC (N = 1)",
            "one AWAC agent, uniform buffer",
            "awac",
            "uniform",
            1,
            "awac",
            style=Style("#8C6D1F", MIXED, "s"),
        ),
        Method(
            "bcq-ft-n1",
            "BCQ-ft (N = 1)",
            "one BCQ agent, uniform buffer",
            "bcq",
            "uniform",
            1,
            "bcq",
            style=Style("#44AA99", DOTTED, "^"),
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
