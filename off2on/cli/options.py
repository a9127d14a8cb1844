"""What the sub-commands share: the application, its options, reading the scale."""

import gc
import re
from collections.abc import Callable
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from filelock import FileLock

from off2on import __version__
from off2on.algorithms import OFFLINE
from off2on.config import REPOSITORY
from off2on.data.sources import SOURCES
from off2on.envs.tasks import DATASETS, TASKS, get_task
from off2on.errors import Off2OnError, find, shown
from off2on.figures.registry import FIGURES
from off2on.gpus import DEVICES, take_gpu
from off2on.methods import METHODS
from off2on.paths import Layout
from off2on.patterns import check_patterns
from off2on.scale import Scale, load_scale, scale_path
from off2on.scale_jobs import check_dataset
from off2on.selection import KEYS, Selection, select
from off2on.yaml_file import parse_yaml

if TYPE_CHECKING:
    import torch

EXAMPLES = {
    "collect": "--scale quick --task halfcheetah --dataset medium",
    "fetch": "--source d4rl-v2 --task hopper --dataset medium",
    "pretrain": "--scale quick --task halfcheetah --dataset medium --seed 0",
    "select": "--scale quick --task pick-place --dataset mixed --seeds 2",
    "finetune": "--scale quick --task halfcheetah --dataset medium --method ours --seed 0",
    "import-agents": "published_agents --out agents/halfcheetah --seed 0",
    "import-data": "mine.hdf5 --task hopper --dataset medium --scale quick",
    "export-minari": "--scale quick --task hopper --dataset medium",
    "check-physics": "--source d4rl-v2 --task hopper --dataset medium",
    "rollout": "--scale quick --task halfcheetah --dataset random --seed 0",
    "likelihood": "--scale quick --task halfcheetah --dataset random --seed 0",
    "evaluate": "agents/halfcheetah --task halfcheetah --episodes 5",
    "train-actors": "--task hopper --out runs/hopper --epochs 250",
    "ship-actors": "runs/hopper --task hopper",
    "render": "--task halfcheetah --out halfcheetah.png",
    "view": "results/quick/local/datasets/pick-place/mixed.hdf5 --episode 3 --out episode.gif",
    "cost": "--scale quick",
    "aggregate": "--scale quick results/quick/local/pretrain/*/*/*/* results/quick/local/runs/*/*/*/* "
    "results/quick/local/likelihood/*/*/*.csv",
    "claims": "--scale quick",
    "figure": "fig_4a --scale quick",
    "report": "--scale quick",
    "plan": "fig_4a --scale quick --config seeds=4",
    "bench": "--scale quick --device auto",
    "doctor": "--scale paper",
    "adopt": "--scale quick",
    "compare": "results/reference/quick quick --html compare.html",
    "show": "results/quick/local/runs/halfcheetah/medium/ours/seed0",
    "validate": "results/quick",
    "status": "--scale quick",
    "list": "methods",
}


def _example(name: str) -> str:
    """A command on lines that fit 80 columns and can be pasted."""
    command = f"off2on {name} {EXAMPLES[name]}"
    return " \\\n    ".join(wrap(command, 68, break_long_words=False, break_on_hyphens=False))


def _examples(*names: str) -> str:
    """Examples as a block that no help wraps."""
    return "\n".join(["```", *map(_example, names), "```"])


app = typer.Typer(
    epilog=f"Examples:\n\n{_examples(*EXAMPLES)}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

_SCALES = "smoke, quick, laptop, paper, another of `off2on list scales`, or a YAML file"
ScaleName = Annotated[str, typer.Option("--scale", help=_SCALES)]
#: of a job that trains
TrainingScale = Annotated[str | None, typer.Option("--scale", help=f"{_SCALES}; default: quick")]
SourceName = Annotated[
    str | None,
    typer.Option("--source", help=f"where datasets come from: {', '.join(SOURCES)}; default: the scale's"),
]
TaskName = Annotated[str, typer.Option("--task", help=", ".join(TASKS))]
DatasetName = Annotated[str, typer.Option("--dataset", help=", ".join(DATASETS))]
AlgorithmName = Annotated[str, typer.Option("--algorithm", help=f"offline algorithm: {', '.join(OFFLINE)}")]
Seed = Annotated[int, typer.Option("--seed", min=0, max=10**9, help="seed of every random number of the job")]
Out = Annotated[Path | None, typer.Option("--out", help="where to write; default: its place in results/")]
Data = Annotated[
    Path | None, typer.Option("--data", help="the dataset's HDF5 file; default: its place in results/")
]
Config = Annotated[
    list[str] | None,
    typer.Option("--config", help="as Snakemake's: seeds=4, 'datasets=[random]', ...; can be given several times"),
]
Wait = Annotated[bool, typer.Option("--wait", help="wait while another process uses the directory")]
Checkpoint = Annotated[float, typer.Option(help="seconds between checkpoints", min=0, max=1e9)]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        envvar="OFF2ON_DEVICE",
        help="cpu, cuda, or auto: a GPU where there is one; numbers differ in the last bits",
    ),
]
Restart = Annotated[bool, typer.Option("--restart", help="drop what the directory holds, and start again")]
OtherCode = Annotated[
    bool,
    typer.Option("--other-code", help="resume, or take as finished, what other code made: for those who know"),
]


Command = TypeVar("Command", bound=Callable[..., None])


def job(name: str) -> Callable[[Command], Command]:
    """Register a sub-command with its example."""
    return app.command(name, epilog=f"Example:\n\n{_examples(name)}")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"off2on {__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="print the version, and nothing else"),
    ] = False,
) -> None:
    """Offline-to-online RL via balanced replay and pessimistic Q-ensemble: the jobs of the benchmark.

    `snakemake --cores N` (or `make reproduce`) runs them all; each can also be run by hand.
    """


def load(scale: str, source: str | None) -> tuple[Scale, Layout]:
    """The scale, its patterns checked, and where its results lie."""
    loaded = load_scale(scale, source=source)
    check_patterns(loaded, scale_path(scale))
    return loaded, Layout(loaded.name, loaded.source)


def load_to_train(scale: str | None, source: str | None) -> tuple[Scale, Layout]:
    """The same for a job that trains: without a scale it takes the settings of quick, and says so."""
    loaded, layout = load(scale or "quick", source)
    if scale is None:
        say(f"no --scale: the settings of {loaded.name}. {loaded.reading.shows}")
    return loaded, layout


def check_ending(out: Path, ending: str, option: str = "--out") -> Path:
    """The path of an output, whose name must say what it is: so no command writes over what it reads.

    Raises:
        Off2OnError: it ends in something else.
    """
    if out.suffix != ending:
        raise Off2OnError(f"{option} {out}: the file must be called *{ending}")
    return out


def check_names(task: str, dataset: str, own: bool = False) -> None:
    """A task and a dataset that exist, before their names become a path; an `own` dataset may have a new name."""
    get_task(task)
    if not own or not re.fullmatch(r"[a-z0-9][a-z0-9-]*", dataset):
        check_dataset(task, dataset)


def selected(scale: str, source: str | None, config: list[str] | None) -> Selection:
    """What `--config` of Snakemake with these words would select.

    Raises:
        Off2OnError: names the word, or the key and value, that is wrong.
    """
    load(scale, source)
    given: dict[str, Any] = {"scale": scale} | ({"source": source} if source else {})
    for word in config or ():
        key, equals, value = word.partition("=")
        if not equals:
            raise Off2OnError(f"--config {word}: expected key=value, such as {KEYS['seeds']}")
        if key in given:
            raise Off2OnError(f"--config {word}: '{key}' is given already, as {shown(given[key])}; give it once")
        given[key] = parse_yaml(value, f"--config {key}")
    chosen = select(given, FIGURES)
    dropped_in = (REPOSITORY / "workflow" / "baselines").glob("*.smk")
    if chosen.baselines and not chosen.baseline_files and not any(dropped_in):
        find("method", chosen.baselines[0], METHODS)
    return chosen


def say(text: str) -> None:
    """Print a line to standard error."""
    typer.echo(text, err=True)


#: the process's slot of a GPU, until it ends
_HELD: list[FileLock] = []


def prepared(device: str) -> "torch.device":
    """Set up the work with torch on a device of that name, on a GPU with the fewest jobs.

    Raises:
        Off2OnError: there is no such device.
    """
    find("device", device, dict.fromkeys(DEVICES))
    if device != "cpu" and (slot := take_gpu()):
        _HELD.append(slot)
    one_thread()
    from off2on.nn.device import use_device

    return use_device(device)


def one_thread() -> None:
    """Set up the work with torch: two spinning OpenMP teams on two cores are fifty times slower than one each."""
    import torch

    from off2on.nn.memory import keep_freed_memory

    torch.set_num_threads(1)
    keep_freed_memory()
    gc.freeze()
    gc.enable()
