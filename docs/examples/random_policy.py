"""A baseline that is a program of its own: it writes a run directory with the returns of uniform random actions.

Of off2on it needs only the names of columns and keys, which docs/results-format.md lists too.

python random_policy.py results/quick/local/runs/halfcheetah/random/random-policy/seed0/progress.csv
"""

import csv
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, pstdev

import gymnasium

from off2on.results import COLUMNS, KEYS

ENVIRONMENTS = {"halfcheetah": "HalfCheetah-v4", "hopper": "Hopper-v4", "walker2d": "Walker2d-v4"}
progress = Path(sys.argv[1]).absolute()
# results/<scale>/<source>/runs/<task>/<dataset>/<method>/seed<k>/progress.csv
scale, source, _, task, dataset, method, seed = progress.parts[-8:-1]
started = datetime.now(UTC)
env = gymnasium.make(ENVIRONMENTS[task], max_episode_steps=1000)
env.action_space.seed(int(seed.removeprefix("seed")))


def episode(number: int) -> float:
    """The return of one episode of random actions."""
    env.reset(seed=number)
    total, done = 0.0, False
    while not done:
        _, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        total, done = total + float(reward), terminated or truncated
    return total


returns = [episode(number) for number in range(3)]
row = {
    "gradient_steps": 0,
    "eval_episodes": len(returns),
    "return_mean": mean(returns),
    "return_std": pstdev(returns),
    "return_min": min(returns),
    "return_max": max(returns),
}
progress.parent.mkdir(parents=True, exist_ok=True)
with progress.open("w", newline="") as file:
    table = csv.DictWriter(file, COLUMNS, restval="")
    table.writeheader()
    table.writerows({"env_steps": steps} | row for steps in (0, 1000))
ended = datetime.now(UTC)
about = {
    "kind": "finetune",
    "scale": scale,
    "source": source,
    "task": task,
    "dataset": dataset,
    "method": method,
    "seed": int(seed.removeprefix("seed")),
    "members": 1,
    "settings": {},
    "method_settings": {
        "label": "Random policy",
        "description": "uniform random actions",
        "sampler": None,
        "offline": None,
        "members": 1,
    },
    "packages": {"gymnasium": gymnasium.__version__},
    "parents": {},
    "started": started.isoformat(timespec="seconds"),
    "ended": ended.isoformat(timespec="seconds"),
    "wall_seconds": (ended - started).total_seconds(),
}
# keys that this program knows nothing about are null
(progress.parent / "run.json").write_text(json.dumps(dict.fromkeys(KEYS) | about, indent=1) + "\n")
