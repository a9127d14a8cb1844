"""The resume state of a training job: one safetensors file with a checksum over everything in it.

The checksum tells damage that the format does not see (a flipped bit of a weight), so that what is resumed is
what was saved, or nothing.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from off2on.errors import Off2OnError
from off2on.files import atomic

Tensors = Mapping[str, Tensor]
#: tensors, and where the job is
Saved = tuple[Tensors, Mapping[str, Any]]


def write_state(path: Path, tensors: Tensors, meta: Mapping[str, Any]) -> None:
    """Write tensors and what describes them, atomically.

    Raises:
        Off2OnError: the file cannot be written; what was at `path` stays as it was.
    """
    text = json.dumps(meta)
    save_tensors(path, tensors, {"off2on": text, "sha256": _digest(tensors, text)})


def read_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and description as `write_state` was given them, to the bit.

    Raises:
        Off2OnError: the file cannot be read, or is not what was written.
    """
    try:
        with safe_open(path, framework="pt") as file:
            written = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
        if written.get("sha256") != _digest(tensors, written.get("off2on", "")):
            raise ValueError("its checksum is missing, or is not that of its contents")
        return tensors, json.loads(written["off2on"])
    except PermissionError as error:
        raise Off2OnError(f"{path} cannot be read: {error.strerror}; fix its permissions") from None
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise Off2OnError(
            f"{path} is damaged ({error}). Start this job again with --restart, or remove the file"
        ) from error


def save_tensors(path: Path, tensors: Tensors, metadata: dict[str, str]) -> None:
    """Write a safetensors file atomically."""
    with atomic(path) as temporary:
        try:
            save_file({key: value.contiguous() for key, value in tensors.items()}, temporary, metadata=metadata)
        except SafetensorError as error:
            raise OSError(str(error)) from error


def check_fits(path: Path, found: Saved, expected: Saved, growing: tuple[str, ...] = ()) -> None:
    """Compare names, types and shapes of tensors, and the keys of the position, before anything is loaded.

    Args:
        path: for the message.
        found: of the state.
        expected: what the fresh job would save.
        growing: prefixes of tensors whose first axis grows as the job goes on.

    Raises:
        Off2OnError: names the first that differs.
    """
    have, want = (_forms(*saved, growing) for saved in (found, expected))
    for name in sorted(have.keys() | want.keys()):
        if have.get(name) != want.get(name):
            raise Off2OnError(
                f"{path}: {name} is {have.get(name, 'missing')}, this code expects {want.get(name, 'nothing')}. "
                "Resume it with the code that wrote it, or start this job again with --restart"
            )


def _forms(tensors: Tensors, position: Mapping[str, Any], growing: tuple[str, ...]) -> dict[str, str]:
    forms = dict.fromkeys(position, "there")
    for name, tensor in tensors.items():
        shape = ["*", *tensor.shape[1:]] if name.startswith(growing) else [*tensor.shape]
        forms[name] = f"{tensor.dtype} of shape {shape}"
    return forms


def _digest(tensors: Tensors, text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
