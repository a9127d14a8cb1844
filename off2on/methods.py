"""The methods as data: offline algorithm x online algorithm x sampler x ensemble size x how they are drawn.

A run has one name and one directory; members 0..k-1 of one pre-training job serve every method that needs k.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from off2on.errors import find
from off2on.settings import Settings

Dash = str | tuple[int, tuple[float, ...]]
DASHED: Dash = (0, (5, 1.5))
DOTTED: Dash = (0, (1, 1.3))
MIXED: Dash = (0, (6, 1.5, 1, 1.5))


@dataclass(frozen=True)
class Style:
    """A line: distinguished by colour, and by dash and marker where there is no colour."""

    colour: str
    dash: Dash
    marker: str


@dataclass(frozen=True)
class Method:
    """How a method composes the shared parts."""

    name: str
    label: str
    description: str
    #: the algorithm whose online agent is trained
    online: str
    sampler: str
    #: the offline algorithm that it is pre-trained by; None: it starts from fresh networks
    start: str | None = None
    #: whether its replay buffer starts with the offline data
    data: bool = True
    #: ensemble size; None: the scale's `members`, from fresh networks `finetuning.scratch_members`
    members: int | None = None
    #: its line in every figure
    style: Style = Style("#555555", "-", "o")
    #: the figures that it is drawn in, each with what its legend calls it there
    figures: Mapping[str, str] = field(default_factory=dict)

    @property
    def offline(self) -> bool:
        """Whether it needs an offline dataset, to be pre-trained on or to replay."""
        return self.data or self.start is not None

    def size(self, settings: Settings) -> int:
        """Ensemble size at a scale."""
        if self.members is not None:
            return self.members
        return settings.members if self.start else settings.finetuning.scratch_members


_BALANCED = "SAC losses, balanced replay"
#: of the samplers of agents that CQL pre-trained; Figures 15 and 16 have online samples of one agent and of many
UNIFORM, ONLINE_ONLY, ONLINE_ONLY_ONE = "#D55E00", "#4a1500", "#c08a6a"

# Colours of Okabe and Ito and of Tol, chosen so that the methods of a figure differ for colour-blind readers too.
METHODS = {
    method.name: method
    for method in (
        Method(
            "ours",
            "Ours",
            f"CQL ensemble, {_BALANCED}",
            "sac",
            "balanced",
            "cql",
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
                "fig_5a": "Ours",
                "fig_15": "Ensemble, balanced (Ours)",
                "fig_17": "Ours",
            },
        ),
        Method(
            "awac",
            "AWAC",
            "AWAC ensemble, uniform buffer",
            "awac",
            "uniform",
            "awac",
            style=Style("#E69F00", DASHED, "s"),
            figures={"fig_3": "AWAC"},
        ),
        Method(
            "bcq-ft",
            "BCQ-ft",
            "BCQ ensemble, uniform buffer",
            "bcq",
            "uniform",
            "bcq",
            style=Style("#009E73", MIXED, "^"),
            figures={"fig_3": "BCQ-ft"},
        ),
        Method(
            "sac-ft",
            "SAC-ft",
            "one CQL agent, SAC losses, uniform buffer",
            "sac",
            "uniform",
            "cql",
            members=1,
            style=Style(UNIFORM, DASHED, "D"),
            figures={"fig_3": "SAC-ft", "fig_1b": "Uniform (N = 1)"},
        ),
        Method(
            "sac",
            "SAC",
            "SAC from scratch, no offline data",
            "sac",
            "online-only",
            data=False,
            style=Style("#555555", DOTTED, "X"),
            figures={"fig_3": "SAC"},
        ),
        Method(
            "ours-n1",
            "Ours (N = 1)",
            f"one CQL agent, {_BALANCED}",
            "sac",
            "balanced",
            "cql",
            members=1,
            style=Style("#56B4E9", MIXED, "v"),
            figures={"fig_12": "Ours", "fig_1c": "CQL init (N = 1)", "fig_15": "Single, balanced"},
        ),
        Method(
            "ours-n2",
            "Ours (N = 2)",
            f"two CQL agents, {_BALANCED}",
            "sac",
            "balanced",
            "cql",
            members=2,
            style=Style("#999933", DOTTED, "p"),
            figures={"fig_12": "Ours"},
        ),
        Method(
            "ours-n3",
            "Ours (N = 3)",
            f"three CQL agents, {_BALANCED}",
            "sac",
            "balanced",
            "cql",
            members=3,
            style=Style("#882255", DASHED, "<"),
            figures={"fig_12": "Ours"},
        ),
        Method(
            "ours-n5",
            "Ours (N = 5)",
            f"five CQL agents, {_BALANCED}",
            "sac",
            "balanced",
            "cql",
            members=5,
            style=Style("#117733", DOTTED, ">"),
            figures={"fig_12": "Ours"},
        ),
        Method(
            "uniform",
            "Uniform",
            "CQL ensemble, SAC losses, uniform buffer",
            "sac",
            "uniform",
            "cql",
            style=Style(UNIFORM, MIXED, "P"),
            figures={"fig_11": "Uniform"},
        ),
        Method(
            "online-only",
            "Online only",
            "CQL ensemble, SAC losses, online buffer",
            "sac",
            "online-only",
            "cql",
            style=Style(ONLINE_ONLY, DOTTED, "h"),
            figures={"fig_11": "Online only", "fig_15": "Ensemble, online only"},
        ),
        Method(
            "sac-ft-online",
            "SAC-ft (online only)",
            "one CQL agent, SAC losses, online buffer",
            "sac",
            "online-only",
            "cql",
            members=1,
            style=Style(ONLINE_ONLY_ONE, DASHED, "d"),
            figures={"fig_1b": "Online only (N = 1)", "fig_15": "Single, online only"},
        ),
        Method(
            "cql-reg",
            "CQL Reg",
            "CQL ensemble, SAC losses and CQL's term, balanced replay",
            "cql_reg",
            "balanced",
            "cql",
            style=Style("#B2182B", DASHED, "8"),
            figures={"fig_8": "CQL reg", "fig_16": "Ensemble, balanced"},
        ),
        Method(
            "cql-ft",
            "CQL-ft",
            "one CQL agent, SAC losses and CQL's term, online buffer",
            "cql_reg",
            "online-only",
            "cql",
            members=1,
            style=Style(ONLINE_ONLY_ONE, MIXED, "d"),
            figures={"fig_5a": "CQL-ft", "fig_16": "Single, online only (CQL-ft)"},
        ),
        Method(
            "cql-reg-n1",
            "CQL Reg (N = 1)",
            "one CQL agent, SAC losses and CQL's term, balanced replay",
            "cql_reg",
            "balanced",
            "cql",
            members=1,
            style=Style("#009988", MIXED, "8"),
            figures={"fig_16": "Single, balanced"},
        ),
        Method(
            "cql-reg-online",
            "CQL Reg (online only)",
            "CQL ensemble, SAC losses and CQL's term, online buffer",
            "cql_reg",
            "online-only",
            "cql",
            style=Style(ONLINE_ONLY, "-", "p"),
            figures={"fig_16": "Ensemble, online only"},
        ),
        Method(
            "fqe-init",
            "FQE-init",
            f"CQL policies with FQE critics, {_BALANCED}",
            "sac",
            "balanced",
            "fqe",
            style=Style("#CC6677", MIXED, "D"),
            figures={"fig_13": "FQE init"},
        ),
        Method(
            "fqe-init-n1",
            "FQE-init (N = 1)",
            f"one CQL policy with FQE critics, {_BALANCED}",
            "sac",
            "balanced",
            "fqe",
            members=1,
            style=Style("#AA4499", DASHED, "H"),
            figures={"fig_1c": "FQE init (N = 1)"},
        ),
        Method(
            "ours-ratio-mixture",
            "Ours (ratio to mixture)",
            f"CQL ensemble, {_BALANCED} by online over mixture density",
            "sac",
            "balanced-mixture",
            "cql",
            style=Style("#000000", DOTTED, "s"),
            figures={"fig_14": "online to mixture"},
        ),
        Method(
            "awac-n1",
            "AWAC (N = 1)",
            "one AWAC agent, uniform buffer",
            "awac",
            "uniform",
            "awac",
            members=1,
            style=Style("#8C6D1F", MIXED, "s"),
        ),
        Method(
            "bcq-ft-n1",
            "BCQ-ft (N = 1)",
            "one BCQ agent, uniform buffer",
            "bcq",
            "uniform",
            "bcq",
            members=1,
            style=Style("#44AA99", DOTTED, "^"),
        ),
        Method(
            "iql",
            "IQL",
            "IQL ensemble, uniform buffer",
            "iql",
            "uniform",
            "iql",
            style=Style("#6A0DAD", MIXED, "*"),
            figures={"fig_3": "IQL"},
        ),
    )
}


def get_method(name: str) -> Method:
    """The method of that name.

    Raises:
        Off2OnError: there is none.
    """
    return find("method", name, METHODS)
