"""Where datasets come from: one entry a source. Nothing here loads numpy."""

from dataclasses import dataclass

from off2on.errors import find


@dataclass(frozen=True)
class SourceSpec:
    """A source of datasets; its files lie below `results/<scale>/<name>/datasets/`."""

    name: str
    #: for the report
    description: str
    #: how a file that is missing gets there; None: `off2on collect` makes it
    by_hand: str | None = None


_PLACE = "Put the D4RL file at {path}, or use source local (snakemake: --config source=local)"

SOURCES = {
    spec.name: spec
    for spec in (
        SourceSpec(
            "local",
            "Made here by D4RL's recipe with the project's own SAC actors; these are not D4RL's files.",
        ),
        SourceSpec("d4rl-v0", "D4RL's v0 files, as published.", _PLACE),
        SourceSpec("d4rl-v2", "D4RL's v2 files, as published.", _PLACE),
        SourceSpec("minari", "Minari's files, converted to D4RL's layout.", _PLACE),
    )
}


def get_source(name: str) -> SourceSpec:
    """The source of that name.

    Raises:
        Off2OnError: there is none.
    """
    return find("source", name, SOURCES)
