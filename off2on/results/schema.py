"""The columns of progress.csv and the keys of run.json (docs/results-format.md). Standard library only."""

from typing import NamedTuple

#: where to read on
DOCUMENT = "docs/results-format.md describes the files of a run"
#: the columns of progress.csv, in order; one row per evaluation
COLUMNS = (
    "env_steps",
    "online_episodes",
    "gradient_steps",
    "eval_episodes",
    "return_mean",
    "return_std",
    "return_min",
    "return_max",
    "explore_return_mean",
    "normalized_score",
    "success_last",
    "success_any",
    "offline_fraction",
    "offline_fraction_scripted",
    "offline_fraction_random",
    "q_auroc",
    "q_auroc_single",
    "q_mean",
    "alpha",
    "density_ratio_online",
    "density_ratio_offline",
    "wall_seconds",
)
#: columns that every row fills
FILLED = ("env_steps", "gradient_steps", "eval_episodes", "return_mean")
#: columns of whole numbers, and the largest number of any column or key
COUNTS = ("env_steps", "online_episodes", "gradient_steps", "eval_episodes")
LARGEST = 10**15
#: columns between 0 and 1
FRACTIONS = (
    "success_last",
    "success_any",
    "offline_fraction",
    "offline_fraction_scripted",
    "offline_fraction_random",
    "q_auroc",
    "q_auroc_single",
)
#: columns that are never negative
NOT_NEGATIVE = ("return_std", "alpha", "density_ratio_online", "density_ratio_offline", "wall_seconds")
#: columns that never fall from row to row
GROWING = ("env_steps", "online_episodes", "gradient_steps", "wall_seconds")
#: the column that grows with every row, and the key that names the directory, by kind of job
CLOCKS = {"pretrain": "gradient_steps", "finetune": "env_steps"}
NAMES = {"pretrain": "algorithm", "finetune": "method"}
#: the directory below results/<scale>/<source>/ that holds each kind
PLACES = {"pretrain": "pretrain", "finetune": "runs"}


class Key(NamedTuple):
    """What the value of a key of run.json may be."""

    #: bool is no int here
    types: tuple[type, ...]
    #: the least number
    least: float | None = None
    #: type of the elements of a list, and of the values of an object
    of: tuple[type, ...] | None = None


_NULL = type(None)
#: `least` of a text is its length
_TEXT, _MAYBE_TEXT, _COUNT, _TABLE = Key((str,), 1), Key((str, _NULL)), Key((int,), 0), Key((dict,))
_SPEED = Key((int, float, _NULL), 0)

#: the keys of run.json; more keys are welcome
KEYS = {
    "kind": _TEXT,
    "scale": _TEXT,
    "source": _TEXT,
    "task": _TEXT,
    "dataset": _TEXT,
    "seed": _COUNT,
    "members": Key((int,), 1),
    "settings": _TABLE,
    "config_hash": _MAYBE_TEXT,
    "git_commit": _MAYBE_TEXT,
    "git_dirty": Key((bool, _NULL)),
    "packages": Key((dict,), of=(str, _NULL)),
    "cpu": _MAYBE_TEXT,
    "gpu": _MAYBE_TEXT,
    "dataset_sha256": _MAYBE_TEXT,
    "dataset_mean_return": Key((int, float, _NULL)),
    "parents": Key((dict,), of=(str,)),
    "started": _TEXT,
    "ended": _TEXT,
    "wall_seconds": Key((int, float), 0),
    "peak_memory_mb": _SPEED,
    "gradient_steps_per_second": _SPEED,
    "env_steps_per_second": _SPEED,
}
#: further keys, which may be left out
OPTIONAL_KEYS = {
    "sha256": _TEXT,
    "code_hash": _MAYBE_TEXT,
    "device": _TEXT,
    "other_versions": Key((dict, _NULL), of=(str,)),
    "dataset_transitions": Key((int, _NULL), 0),
    "outputs": Key((dict,), of=(dict,)),
}
#: further keys of one kind of job
KIND_KEYS = {
    "pretrain": {"algorithm": _TEXT},
    "finetune": {"method": _TEXT, "method_settings": _TABLE},
}
#: the keys of `method_settings`: what figures and the report call a method
METHOD_KEYS = {
    "label": _TEXT,
    "description": _TEXT,
    "sampler": _MAYBE_TEXT,
    "offline": _MAYBE_TEXT,
    "members": Key((int,), 1),
}
#: further keys of `method_settings`, which a method may leave out
OPTIONAL_METHOD_KEYS = {"figures": Key((list,), of=(str,))}
#: the keys of an entry of `outputs`: a file of the directory
OUTPUT_KEYS = {"sha256": _TEXT}
OPTIONAL_OUTPUT_KEYS = {"rows": Key((int,), 1)}
