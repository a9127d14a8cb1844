"""The JSON Schema of a scale, for editors: `python -m off2on.schema` writes config/scale.schema.json."""

import json
from typing import Any

from off2on.config import REPOSITORY
from off2on.files import write_text
from off2on.scale import Scale

PATH = REPOSITORY / "config" / "scale.schema.json"


def scale_schema() -> dict[str, Any]:
    """The schema of what a YAML file may say: a whole scale, or what differs from the one it extends."""
    schema = Scale.model_json_schema()
    whole = schema.pop("required")
    schema["properties"]["extends"] = {
        "type": "string",
        "description": "a scale, or a path to one, from which this file takes what it does not say",
    }
    return schema | {"anyOf": [{"required": whole}, {"required": ["extends"]}]}


def text() -> str:
    """The file as it should be."""
    return json.dumps(scale_schema(), indent=1) + "\n"


if __name__ == "__main__":
    write_text(PATH, text())
