"""Where datasets come from: one entry a source. Nothing here loads numpy."""

from dataclasses import dataclass

from off2on.errors import find


@dataclass(frozen=True)
class SourceSpec:
    """A source of datasets; its files lie below `results/<scale>/<name>/datasets/`."""

    name: str
    #: for the report
    description: str
    #: the sub-command that puts a file in its place: the workflow runs `collect` and `fetch`
    command: str

    @property
    def made_here(self) -> bool:
        """Whether its files are made by this project, so that settings and code say what is in them."""
        return self.command == "collect"


SOURCES = {
    spec.name: spec
    for spec in (
        SourceSpec(
            "local",
            "Made here by D4RL's recipe with the project's own SAC actors; these are not D4RL's files.",
            "collect",
        ),
        SourceSpec("d4rl-v0", "D4RL's v0 files.", "fetch"),
        SourceSpec("d4rl-v2", "D4RL's v2 files.", "fetch"),
        SourceSpec("minari", "Minari's files, converted to D4RL's layout.", "import-data"),
        SourceSpec("own", "Files of the user's own.", "import-data"),
    )
}


def get_source(name: str) -> SourceSpec:
    """The source of that name.

    Raises:
        Off2OnError: there is none.
    """
    return find("source", name, SOURCES)
