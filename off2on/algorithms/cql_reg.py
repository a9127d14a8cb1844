"""The entry of SAC on an ensemble whose critics keep CQL's conservative term."""

from off2on.algorithms.algorithm import NETWORKS, Algorithm, Phase
from off2on.algorithms.cql import cql_flop

SPEC = Algorithm(
    "cql_reg",
    "CQL Reg",
    "SAC on an ensemble, critics with CQL's conservative term",
    "the paper, Figure 8",
    online=Phase(
        "sac.batch",
        lambda settings, sizes: cql_flop(settings.sac.batch, settings, sizes),
        reads=("sac.*", *NETWORKS, "cql.min_q_weight", "cql.sampled_actions", "cql.importance_weights"),
        longer_first_epoch=True,
    ),
    images=True,
)
