"""run.json: what was run, on what, from what."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from off2on.errors import Off2OnError, shown
from off2on.files import read_text
from off2on.results import schema
from off2on.results.schema import DOCUMENT, Key

#: what no text of a page or a table can hold
_ODD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
#: nested objects and lists; settings have three levels
DEEPEST = 20


def read_info(directory: Path) -> dict[str, Any]:
    """Read and check `run.json` of a directory.

    Raises:
        Off2OnError: the file, a key or a value is missing or wrong; the message names file, key and value.
    """
    file = directory.absolute() / "run.json"
    info = parse_json(file, DOCUMENT)
    check_info(file, info)
    if "sha256" in info and info["sha256"] != checksum(info):
        raise Off2OnError(f"{file} was changed after the job wrote it: its checksum is not that of its contents")
    return dict(info)


def checksum(info: Mapping[str, Any]) -> str:
    """The sha256 of a run.json without this key."""
    rest = {key: value for key, value in info.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def check_info(file: Path, info: Any) -> None:
    """Check the contents of a run.json.

    Raises:
        Off2OnError: a key or a value is missing or wrong; the message names file, key and value.
    """
    if not isinstance(info, dict):
        raise Off2OnError(f"{file}: expected a JSON object of keys, got {type(info).__name__}")
    _check_keys(file, "", info, schema.KEYS, schema.OPTIONAL_KEYS)
    kind = info["kind"]
    if kind not in schema.KIND_KEYS:
        raise Off2OnError(f"{file}: kind = {shown(kind)}; it must be 'pretrain' or 'finetune'")
    _check_keys(file, "", info, schema.KIND_KEYS[kind])
    if kind == "finetune":
        named = info["method_settings"]
        _check_keys(file, "method_settings.", named, schema.METHOD_KEYS, schema.OPTIONAL_METHOD_KEYS)
    for name, entry in info.get("outputs", {}).items():
        _check_keys(file, f"outputs.{name}.", entry, schema.OUTPUT_KEYS, schema.OPTIONAL_OUTPUT_KEYS)
    _check_times(file, info)


def parse_json(file: Path, hint: str = "") -> Any:
    """The value of a JSON file: no duplicate keys, no NaN, no number that a table cannot hold, no deep nesting.

    Raises:
        Off2OnError: it cannot be read, or is not like that; `hint` says what to do where it is missing.
    """
    try:
        value = json.loads(read_text(file, hint), object_pairs_hook=_object, parse_constant=_no_constant)
        _check_depth(value)
        return value
    except RecursionError:
        raise Off2OnError(f"{file} is nested too deeply") from None
    except ValueError as error:
        raise Off2OnError(f"{file} is not readable as JSON: {error}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"duplicate key {shown(twice)}")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number; write null")


def _check_depth(value: Any, depth: int = 0) -> None:
    if depth > DEEPEST:
        raise ValueError(f"more than {DEEPEST} levels of nesting")
    if isinstance(value, dict | list):
        for inner in (*value, *value.values()) if isinstance(value, dict) else value:
            _check_depth(inner, depth + 1)
    elif isinstance(value, str) and (odd := _ODD.search(value)):
        raise ValueError(f"a text with the control character or half of a character {odd[0]!r}")
    elif isinstance(value, int | float) and abs(value) > schema.LARGEST:
        raise ValueError(f"{shown(value)} is too large a number")


def _check_keys(
    file: Path,
    prefix: str,
    table: Mapping[str, Any],
    keys: Mapping[str, Key],
    optional: Mapping[str, Key] | None = None,
) -> None:
    for key in keys:
        if key not in table:
            raise Off2OnError(f"{file}: key '{prefix}{key}' is missing; docs/results-format.md lists the keys")
    for key, wanted in {**keys, **(optional or {})}.items():
        if key in table and (complaint := _complaint(table[key], wanted)):
            raise Off2OnError(f"{file}: {prefix}{key} = {shown(table[key])}; it must be {complaint}")


def _complaint(value: Any, key: Key) -> str:
    """What a value must be; empty: it is."""
    if type(value) not in key.types:
        return f"of type {_names(key.types)}"
    if isinstance(value, str):
        return "" if len(value) >= (key.least or 0) else "a text that is not empty"
    if key.least is not None and value is not None and value < key.least:
        return f"at least {key.least}"
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if key.of and not all(type(one) in key.of for one in inner):
        return f"{_names(key.types)} of {_names(key.of)}"
    return ""


def _names(types: tuple[type, ...]) -> str:
    return " or ".join("null" if kind is type(None) else kind.__name__ for kind in types)


def _check_times(file: Path, info: Mapping[str, Any]) -> None:
    times = []
    for key in ("started", "ended"):
        try:
            times.append(datetime.fromisoformat(info[key]))
            if times[-1].tzinfo is None:
                raise ValueError("no time zone")
        except ValueError:
            raise Off2OnError(
                f"{file}: {key} = {shown(info[key])}; it must be ISO 8601 with a time zone, such as "
                "2026-11-21T14:30:00Z"
            ) from None
    if times[1] < times[0]:
        raise Off2OnError(f"{file}: ended = {info['ended']} is before started = {info['started']}")


def check_place(directory: Path, info: Mapping[str, Any]) -> None:
    """Compare run.json with `<scale>/<source>/<runs|pretrain|selected>/<task>/<dataset>/<name>/seed<k>`.

    Raises:
        Off2OnError: names the first key that says something else.
    """
    file = directory.absolute() / "run.json"
    name, place = schema.NAMES[info["kind"]], "selected" if "selected" in info else schema.PLACES[info["kind"]]
    keys = ["scale", "source", "kind", "task", "dataset", name, "seed"]
    said = [info["scale"], info["source"], place, info["task"], info["dataset"], info[name], f"seed{info['seed']}"]
    there = file.parent.parts[-len(keys) :]
    for key, value, part in zip(keys, said, there, strict=False):
        if value != part:
            raise Off2OnError(
                f"{file}: {key} = {shown(info[key])}, but the directory says {shown(part)}. A run lies in "
                f"results/<scale>/<source>/{place}/<task>/<dataset>/<{name}>/seed<k>"
            )
