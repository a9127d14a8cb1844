"""Where everything lies: the contract between the DAG, the jobs and the figures (docs/results-format.md)."""

from dataclasses import dataclass
from pathlib import Path

#: the files that make a pre-training or run directory complete
OUTPUTS = ("progress.csv", "run.json", "agent.safetensors")
#: below `results/<scale>/<source>`
COST, RENDERS, FILMS = Path("cost/cost.csv"), Path("renders"), Path("films")


def kept(step: int) -> str:
    """The file of a pre-training directory that has the agents after some gradient steps."""
    return f"agent-{step}.safetensors"


@dataclass(frozen=True)
class Layout:
    """The directories of one (scale, source) below `root`, relative to the working directory."""

    scale: str
    source: str
    root: Path = Path()

    @property
    def results(self) -> Path:
        """`results/<scale>/<source>`."""
        return self.root / "results" / self.scale / self.source

    @property
    def figures(self) -> Path:
        """`figures/<scale>/<source>`."""
        return self.root / "figures" / self.scale / self.source

    @property
    def logs(self) -> Path:
        """What the jobs of the workflow print."""
        return self.root / "logs" / self.scale / self.source

    @property
    def analysis(self) -> Path:
        """Tidy tables that figures read."""
        return self.results / "analysis"

    def dataset(self, task: str, dataset: str) -> Path:
        """The HDF5 file of a dataset."""
        return self.results / "datasets" / task / f"{dataset}.hdf5"

    def pretrain(self, task: str, dataset: str, algorithm: str, seed: int) -> Path:
        """The directory of an offline pre-training."""
        return self.results / "pretrain" / task / dataset / algorithm / f"seed{seed}"

    def selected(self, task: str, dataset: str, algorithm: str) -> Path:
        """Where pre-trainings lie as they were at the best step, `seed<k>` each."""
        return self.results / "selected" / task / dataset / algorithm

    def rollouts(self, task: str, dataset: str, algorithm: str, seed: int) -> Path:
        """The HDF5 file of episodes that a pre-trained agent rolled out."""
        return self.results / "rollouts" / task / dataset / algorithm / f"seed{seed}.hdf5"

    def likelihood(self, task: str, dataset: str, seed: int) -> Path:
        """The CSV of log-likelihoods of offline and online pairs; its JSON lies beside it."""
        return self.results / "likelihood" / task / dataset / f"seed{seed}.csv"

    def physics(self, task: str, dataset: str) -> Path:
        """The JSON about old data on today's physics."""
        return self.results / "physics" / task / f"{dataset}.json"

    @property
    def cost(self) -> Path:
        """The CSV of what a step and an action cost with N members; its JSON lies beside it."""
        return self.results / COST

    def bench(self, device: str) -> Path:
        """The JSON of what gradient steps take on a kind of device."""
        return self.results / "bench" / f"{device}.json"

    def render(self, task: str) -> Path:
        """The JSON about a picture of a task; the PNG lies beside it, where the machine could render one."""
        return self.results / RENDERS / f"{task}.json"

    def film(self, task: str, when: str) -> Path:
        """An evaluation episode of Ours, 'before' or 'after' fine-tuning."""
        return self.results / FILMS / f"{task}-{when}.gif"

    def run(self, task: str, dataset: str, method: str, seed: int) -> Path:
        """The directory of a fine-tuning run; `dataset` is 'none' for a method from scratch."""
        return self.results / "runs" / task / dataset / method / f"seed{seed}"
