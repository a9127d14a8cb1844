"""The made-up results say of themselves what real jobs say."""

import json

from off2on.algorithms import OFFLINE
from off2on.jobs import Job, identity
from off2on.methods import METHODS
from off2on.scale import load_scale
from off2on.scale_jobs import Pretraining, Run, finetune_job, pretrain_job
from tests.unit.synthetic_results import run_info


def test_made_up_jobs_say_of_themselves_what_real_ones_say() -> None:
    scale, place = load_scale("quick"), ("halfcheetah", "medium")
    jobs: list[Job] = [finetune_job(scale, Run(*place, name, 0)) for name in METHODS]
    jobs += [pretrain_job(scale, Pretraining(*place, name, 0)) for name in OFFLINE]
    for job in jobs:
        real = json.loads(json.dumps(identity(job)))
        info = run_info(job.kind, "quick", "local", *place, job.name, 0)
        # the settings are made up, and run.json adds words to what a method is
        for key in ("settings", "method_settings"):
            real.pop(key, None)
        assert {key: info[key] for key in real} == real
