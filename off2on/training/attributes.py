"""What a dataset that is made here says of itself."""

import json
from typing import Any

from pydantic import BaseModel

from off2on.codehash import PLUMBING, code_hash
from off2on.provenance import provenance


def dataset_attributes(
    named: tuple[str, str, str], env_id: str, recipe: str, settings: BaseModel, module: str
) -> dict[str, Any]:
    """What a local dataset says of itself.

    Args:
        named: source, task and dataset.
        env_id: of the task's environment.
        recipe: what made it, in words.
        settings: the section of the scale that it was made by; it has a `seed`.
        module: where its code is reached from; `off2on adopt` compares settings and code.
    """
    facts = settings.model_dump()
    source, task, dataset = named
    return {
        "source": source,
        "task": task,
        "dataset": dataset,
        "recipe": recipe,
        "env_id": env_id,
        "seed": facts["seed"],
        "settings": settings.model_dump_json(),
        "code_hash": code_hash(module, without=PLUMBING),
        "packages": json.dumps(provenance()["packages"]),
    }
