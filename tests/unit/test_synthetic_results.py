"""The made-up results say of themselves what real jobs say."""

import json

from off2on.config import Settings
from off2on.methods import ALGORITHMS, METHODS
from off2on.training.finetune import FinetuneJob
from off2on.training.pretrain import PretrainJob
from tests.unit.synthetic_results import run_info


def test_made_up_jobs_say_of_themselves_what_real_ones_say() -> None:
    place, settings = ("quick", "local", "halfcheetah", "medium"), Settings(members=3)
    jobs: dict[tuple[str, str], FinetuneJob | PretrainJob] = {
        ("finetune", name): FinetuneJob(*place, method, 0, settings) for name, method in METHODS.items()
    }
    jobs |= {("pretrain", name): PretrainJob(*place, own, 0, settings) for name, own in ALGORITHMS.items()}
    for (kind, name), job in jobs.items():
        identity = json.loads(json.dumps(job.identity()))
        info = run_info(kind, *place, name, 0)
        # the settings are made up, and run.json adds words to what a method is
        for key in ("settings", "method_settings"):
            identity.pop(key, None)
        assert {key: info[key] for key in identity} == identity
