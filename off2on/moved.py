"""Keys of older scale files: each is an error that names the key which took its place."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from off2on.errors import Off2OnError

_CQL = (
    *("steps", "batch", "policy_lr", "temperature_lr", "q_lr", "discount", "tau"),
    *("min_q_weight", "lagrange_threshold", "bc_steps", "entropy_in_backup"),
)
_LOOP = (
    *("env_steps", "epoch_steps", "first_epoch_multiplier", "warmup_steps", "scratch_members"),
    *("eval_episodes", "auroc_pairs"),
)

#: old key -> new key
MOVED = {
    **{f"offline.{key}": f"cql.{key}" for key in _CQL},
    "offline.cql_actions": "cql.sampled_actions",
    "offline.evaluate_every": "pretraining.evaluate_every",
    "offline.eval_episodes": "pretraining.eval_episodes",
    **{f"online.{key}": f"finetuning.{key}" for key in _LOOP},
    **{f"online.{key}": f"sac.{key}" for key in ("batch", "policy_lr", "q_lr", "discount", "tau")},
    **{f"online.{key}": f"balanced.{key}" for key in ("density_batch", "density_depth", "density_lr", "rho")},
    "online.temperature": "balanced.priority_temperature",
}


def check_moved(path: Path, data: Mapping[str, Any]) -> None:
    """Refuse the sections of older scale files, which named a phase instead of what reads them.

    Raises:
        Off2OnError: names every old key that the file has, each with its new one.
    """
    found = list(_old(data, ""))
    overrides = data.get("overrides")
    for pattern, settings in (overrides if isinstance(overrides, dict) else {}).items():
        found += _old(settings, f"overrides.'{pattern}'.")
    if found:
        raise Off2OnError(
            f"{path}: sections 'offline' and 'online' were split by what reads them: {'; '.join(found)} "
            "(config/README.md). AWAC, BCQ and FQE have discount and tau of their own now"
        )


def _old(data: Any, prefix: str) -> Iterator[str]:
    for section in ("offline", "online"):
        if not isinstance(data, dict) or section not in data:
            continue
        keys = data[section]
        if not isinstance(keys, dict) or not keys:
            yield f"{prefix}{section} is unknown"
        for key in keys if isinstance(keys, dict) else ():
            old = f"{section}.{key}"
            yield f"{prefix}{old} is now {MOVED[old]}" if old in MOVED else f"{prefix}{old} is unknown"
