"""One finished job in the terminal: what it was, its curve, where its numbers come from."""

from collections.abc import Mapping
from typing import Any

from off2on.results.directory import Run

#: heading -> keys of run.json
_FACTS = {
    "what": ("kind", "scale", "source", "task", "dataset", "method", "algorithm", "seed", "members"),
    "origin": ("git_commit", "git_dirty", "code_hash", "config_hash", "dataset_sha256", "started", "ended"),
    "machine": ("cpu", "gpu", "host_cores", "peak_memory_mb"),
    "speed": ("wall_seconds", "gradient_steps_per_second", "env_steps_per_second"),
}


def show(run: Run) -> list[str]:
    """Lines about a job: identity, evaluations, origin, machine, settings, inputs, versions."""
    return [
        f"{run.path}",
        *_facts(run.info),
        "evaluations",
        *_evaluations(run),
        "settings",
        *_tree(run.info["settings"]),
        "inputs",
        *(_tree(run.info["parents"]) or ["  none"]),
        "packages",
        *_tree(run.info["packages"]),
    ]


def _facts(info: Mapping[str, Any]) -> list[str]:
    found = []
    for title, keys in _FACTS.items():
        found.append(title)
        found += [f"  {key}: {_text(info[key])}" for key in keys if info.get(key) is not None]
    return found


def _evaluations(run: Run) -> list[str]:
    steps = "env_steps" if run.info["kind"] == "finetune" else "gradient_steps"
    header = f"  {steps:>14}  {'return':>9}  {'score':>6}"
    return [
        header,
        *(
            f"  {int(row[steps]):>14,}  {row['return_mean']:9.1f}  {row['normalized_score']:6.1f}"
            for row in run.rows
        ),
    ]


def _tree(value: Mapping[str, Any], indent: str = "  ") -> list[str]:
    found = []
    for key, inner in value.items():
        if isinstance(inner, dict):
            found += [f"{indent}{key}", *_tree(inner, indent + "  ")]
        else:
            found.append(f"{indent}{key}: {_text(inner)}")
    return found


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
