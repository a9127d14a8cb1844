"""TEST ONLY: made-up result trees in the real layout, to draw figures and pages from without training."""

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from off2on.analysis.aggregate import aggregate
from off2on.analysis.tables import Tables, read_tables
from off2on.envs.tasks import TASKS
from off2on.methods import METHODS, Method
from off2on.paths import Layout
from off2on.results import COLUMNS

LEVELS = {"random": (-250.0, 2500.0), "medium": (4000.0, 4400.0), "none": (-200.0, -200.0)}
GAINS = {"ours": 2500.0, "sac-ft": 900.0, "sac": 1500.0, "uniform": 1200.0, "online-only": 200.0}
GAINS |= {"awac": 1100.0, "bcq-ft": 1000.0, "sac-ft-online": 100.0, "cql-reg": 300.0, "ours-ratio-mixture": 2450.0}
GAINS |= {"ours-n1": 800.0, "ours-n2": 1500.0, "ours-n3": 2000.0, "fqe-init": 2300.0, "fqe-init-n1": 700.0}
#: how far a run falls before it improves
DIPS = {"sac-ft-online": 2500.0, "fqe-init": 1800.0, "fqe-init-n1": 4000.0}
DATASETS = ("random", "medium", "medium-replay", "medium-expert")


@dataclass(frozen=True)
class Tree:
    """A made-up grid of runs of one scale and source."""

    root: Path
    scale: str = "quick"
    source: str = "local"
    tasks: tuple[str, ...] = ("halfcheetah",)
    datasets: tuple[str, ...] = DATASETS
    methods: tuple[str, ...] = ("ours", "sac-ft", "sac", "ours-n1", "uniform", "online-only")
    seeds: int = 2
    epochs: int = 5
    #: ensemble size of the methods that leave it to the scale
    members: int = 3
    #: environment steps of an epoch
    epoch_steps: int = 1000

    @property
    def layout(self) -> Layout:
        return Layout(self.scale, self.source, self.root)

    def write(self) -> "Tree":
        for task in self.tasks:
            pixels = TASKS[task].family == "manipulation"
            datasets = TASKS[task].datasets if pixels else self.datasets
            for seed in range(self.seeds):
                for data in datasets:
                    self._pretrain(task, data, seed)
                for method in self.methods:
                    for data in ["none"] if method == "sac" else datasets:
                        self._run(task, data, method, seed)
        return self

    def runs(self) -> list[Path]:
        return sorted(self.layout.results.glob("runs/*/*/*/seed*"))

    def pretrains(self) -> list[Path]:
        return sorted(self.layout.results.glob("pretrain/*/*/*/seed*"))

    def _pretrain(self, task: str, data: str, seed: int) -> None:
        mean, final = LEVELS.get(data, (3000.0, 3500.0))
        rows = [
            {
                "env_steps": 0,
                "gradient_steps": 2000 * i,
                "eval_episodes": 9,
                "return_mean": final * i / 5 + 20 * seed,
            }
            | {"q_auroc": 0.5 + 0.07 * i, "q_mean": -20.0 * i, "alpha": 0.9**i, "wall_seconds": 30 * i}
            for i in range(6)
        ]
        info = run_info("pretrain", self.scale, self.source, task, data, "cql", seed)
        write_job(self.layout.pretrain(task, data, "cql", seed), info | {"dataset_mean_return": mean}, rows)

    def _run(self, task: str, data: str, method: str, seed: int) -> None:
        rng = np.random.default_rng(crc32(f"{task}{data}{method}{seed}".encode()))
        start, gain = LEVELS.get(data, (3000.0, 3500.0))[1], GAINS.get(method, 800.0)
        rows = []
        for epoch in range(self.epochs + 1):
            progress = epoch / self.epochs
            mean = (
                start + gain * progress - DIPS.get(method, 300) * math.sin(math.pi * progress) + rng.normal(0, 150)
            )
            row = {
                "env_steps": self.epoch_steps * epoch,
                "online_episodes": epoch,
                "gradient_steps": 1000 * (epoch and epoch + 4),
            }
            row |= {"eval_episodes": 5, "return_mean": mean, "wall_seconds": 9.0 * epoch, "alpha": 1 / (1 + epoch)}
            if TASKS[task].family == "manipulation":
                row |= {"return_mean": progress * 9, "success_last": progress * 0.9, "success_any": progress}
            else:
                row["normalized_score"] = TASKS[task].normalized(mean)
            if epoch and data != "none":
                rate = {"random": 2.5, "medium-expert": 0.1}.get(data, 0.5)
                row["offline_fraction"] = math.exp(-rate * progress) * (1 - 0.02 * (seed % 10))
                if TASKS[task].family == "manipulation":
                    row["offline_fraction_random"] = 0.3 * row["offline_fraction"]
                    row["offline_fraction_scripted"] = 0.7 * row["offline_fraction"]
                row["q_auroc_single"] = 0.7 + 0.1 * progress + 0.01 * (seed % 10)
                row["q_auroc"] = row["q_auroc_single"] + 0.05 + rng.normal(0, 0.005)
            rows.append(row)
        info = run_info("finetune", self.scale, self.source, task, data, method, seed, self.members)
        write_job(self.layout.run(task, data, method, seed), info, rows)


def aggregated(tree: Tree) -> Tables:
    """Write the tree and read its tables."""
    tree.write()
    aggregate([*tree.runs(), *tree.pretrains()], tree.layout.analysis, METHODS)
    return read_tables(tree.layout.analysis)


def run_info(
    kind: str, scale: str, source: str, task: str, data: str, name: str, seed: int, members: int = 3
) -> dict[str, Any]:
    """A run.json of a method of the project, or of an unknown baseline, at a scale of so many members.

    But for the settings its first part is what `identity()` of the training jobs says (tested), without torch.
    """
    info: dict[str, Any] = {"kind": kind, "scale": scale, "source": source, "task": task, "dataset": data}
    if kind == "pretrain":
        weight = 10 if data == "medium" else 5
        info |= {"algorithm": name, "members": members}
        info["settings"] = {"members": members, name: {"steps": 10_000, "min_q_weight": weight}}
    else:
        info |= {"method": name} | (_of_method(METHODS[name], members) if name in METHODS else _of_stranger(name))
    return info | {
        "seed": seed,
        "config_hash": "0123456789abcdef",
        "git_commit": "0123456789abcdef0123456789abcdef01234567",
        "git_dirty": seed == 1,
        "packages": {"python": "3.11.7", "torch": "2.13.0", "numpy": "2.4.6", "mujoco": "4.0.0"},
        "cpu": "Made-up CPU @ 3 GHz",
        "gpu": None,
        "dataset_sha256": None if data == "none" else "ab" * 32,
        "dataset_mean_return": None,
        "parents": {},
        "started": "2026-11-21T10:00:00Z",
        "ended": f"2026-11-21T10:0{seed % 10}:30Z",
        "wall_seconds": 60.5,
        "peak_memory_mb": 512.0,
        "gradient_steps_per_second": 100.0,
        "env_steps_per_second": 50.0,
    }


def _of_method(method: Method, members: int) -> dict[str, Any]:
    """As it was run: with words of that time, which the tables replace by those of today."""
    size = method.members or (members if method.offline else 1)
    words = {"label": f"{method.label} (as then)", "description": "as then"}
    made = {"sampler": method.sampler, "offline": "cql" if method.offline else None, "members": size}
    balanced = {"balanced": {"rho": 0.75}} if method.sampler.startswith("balanced") else {}
    settings = {"online": {"env_steps": 5000, "lr": 3e-4}} | balanced
    return {"members": size, "method_settings": words | made, "settings": settings}


def _of_stranger(name: str) -> dict[str, Any]:
    described = {"label": name.upper(), "description": "a stranger's baseline <made up>"}
    return {
        "members": 1,
        "method_settings": described | {"sampler": None, "offline": None, "members": 1},
        "settings": {"learning_rate": 3e-4},
    }


def write_job(directory: Path, info: dict[str, Any], rows: list[dict[str, Any]]) -> Path:
    """The three files of a run directory; the weights are an empty safetensors file."""
    directory.mkdir(parents=True)
    (directory / "run.json").write_text(json.dumps(info))
    (directory / "agent.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    with (directory / "progress.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return directory
