"""A training job's directory: its lock, its resume state, its outputs (docs/results-format.md)."""

import csv
import io
import json
import os
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from off2on.errors import Off2OnError
from off2on.files import atomic, sha256, write_text
from off2on.paths import OUTPUTS
from off2on.provenance import now, peak_memory_mb, provenance
from off2on.results import COLUMNS

Row = dict[str, float | int | None]
STATE = "state.safetensors"


class RunDirectory:
    """Holds a lock from `__enter__` to `__exit__`; saves and loads the state; writes the outputs at the end."""

    def __init__(
        self,
        path: Path,
        identity: Mapping[str, Any],
        config_hash: str,
        wait: bool,
        checkpoint_seconds: float,
    ) -> None:
        """Take the directory of the run that `identity` describes.

        Args:
            path: the directory; made if it is missing.
            identity: the first part of run.json: kind, source, task, dataset, seed, settings, ...
            config_hash: of everything but code, inputs and name that the numbers depend on.
            wait: wait for another process that holds the directory, instead of an error.
            checkpoint_seconds: the least time between two states on disk.
        """
        self.path = path
        self.identity = dict(identity)
        self.config_hash = config_hash
        self._wait = wait
        self._lock = FileLock(path / ".lock")
        self._checkpoint_seconds = checkpoint_seconds
        self._saved_at = time.monotonic()
        # taken now: a commit or an edit made during the run is not in the code that runs
        self._provenance = provenance()
        commit = self._provenance["git_commit"]
        self._sessions = [{"started": now(), "host": socket.gethostname(), "git_commit": commit}]
        self._parents: dict[str, str] = {}
        self._earlier_seconds = 0.0
        self._start = time.monotonic()

    def __enter__(self) -> Self:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._acquire()
            (self.path / ".owner").write_text(f"process {os.getpid()} on {socket.gethostname()}")
        except OSError as error:
            raise Off2OnError(f"cannot write {self.path}: {error.strerror or error}") from error
        return self

    def _acquire(self) -> None:
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            owner = self.path / ".owner"
            who = owner.read_text() if owner.is_file() else "another process"
            if not self._wait:
                raise Off2OnError(
                    f"{self.path} is in use by {who}. Let it finish or stop it, or add --wait to wait for it"
                ) from None
            _say(f"waiting for {who}, which is working on {self.path}")
            self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        (self.path / ".owner").unlink(missing_ok=True)
        self._lock.release()
        if kind is KeyboardInterrupt:
            _say(f"interrupted: run the same command again, {self.path} resumes from its last checkpoint")

    @property
    def wall_seconds(self) -> float:
        """Time spent on the run, earlier sessions included."""
        return self._earlier_seconds + time.monotonic() - self._start

    def complete(self) -> bool:
        """Whether all outputs are there.

        Raises:
            Off2OnError: they are, but of a run with other settings.
        """
        if not all((self.path / name).is_file() for name in OUTPUTS):
            return False
        recorded = json.loads((self.path / "run.json").read_text())
        if differences := self._differences(recorded):
            raise Off2OnError(
                f"{self.path} holds a finished run with {differences}. Remove the directory, or choose another "
                "with --out"
            )
        return True

    def _named(self) -> dict[str, Any]:
        """What the run is called, and the hash of its settings: what a run on disk must agree with."""
        keys = ("kind", "source", "task", "dataset", "algorithm", "method", "seed", "members")
        return {key: self.identity[key] for key in keys if key in self.identity} | {
            "config_hash": self.config_hash
        }

    def _differences(self, recorded: Mapping[str, Any]) -> str:
        """How a run on disk differs from this one; empty: it does not."""
        other = [
            f"{key} {recorded.get(key)!r} (now {value!r})"
            for key, value in self._named().items()
            if recorded.get(key) != value
        ]
        return f"other settings: {', '.join(other)}" if other else ""

    def runs_code(self, code_hash: str) -> None:
        """Note the hash of the code that runs in this session."""
        self._sessions[-1]["code_hash"] = code_hash

    def starts_from(self, inputs: Mapping[str, Path]) -> None:
        """Note the sha256 of the files that the run starts from: only a state of the same ones is resumed."""
        self._parents = {name: sha256(path) for name, path in inputs.items()}

    def load_state(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Tensors and position of the last checkpoint; None: there is none, or it started from other inputs.

        Raises:
            Off2OnError: it is damaged, or of other settings.
        """
        path = self.path / STATE
        if not path.is_file():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                meta = json.loads(file.metadata()["off2on"])
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise Off2OnError(f"{path} is damaged ({error}). Remove it to start this run again") from error
        if differences := self._differences(meta):
            raise Off2OnError(
                f"{path} is the state of an interrupted run with {differences}. Go back to those settings to "
                "resume it, or remove the file to start again"
            )
        if meta.get("parents") != self._parents:
            _say(f"{self.path}: inputs changed since the interruption: starting again")
            return None
        self._sessions = [*meta["sessions"], *self._sessions]
        self._earlier_seconds = meta["wall_seconds"]
        return tensors, meta["position"]

    def due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return time.monotonic() - self._saved_at >= self._checkpoint_seconds

    def save_state(self, tensors: Mapping[str, Tensor], position: Mapping[str, Any]) -> None:
        """Write a checkpoint atomically: everything that the rest of the run depends on."""
        meta = {
            **self._named(),
            "parents": self._parents,
            "position": position,
            "sessions": self._sessions,
            "wall_seconds": self.wall_seconds,
        }
        _save_tensors(tensors, self.path / STATE, {"off2on": json.dumps(meta)})
        self._saved_at = time.monotonic()

    def write_progress(self, rows: Sequence[Row]) -> None:
        """Write progress.csv with the rows so far."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: "" if value is None else value for key, value in row.items()} for row in rows)
        write_text(self.path / "progress.csv", text.getvalue())

    def finish(self, rows: Sequence[Row], agent: Mapping[str, Tensor], extra: Mapping[str, Any]) -> None:
        """Write the outputs, run.json last, and drop the resume state."""
        self.write_progress(rows)
        _save_tensors(agent, self.path / "agent.safetensors", {})
        wall = self.wall_seconds
        # sessions with other code made something that no checkout would
        codes = {session.get("code_hash") for session in self._sessions}
        record = {
            **self.identity,
            "config_hash": self.config_hash,
            "code_hash": codes.pop() if len(codes) == 1 else None,
            **self._provenance,
            "dataset_sha256": self._parents.get("dataset"),
            "parents": self._parents,
            "started": self._sessions[0]["started"],
            "ended": now(),
            "sessions": self._sessions,
            "wall_seconds": round(wall, 1),
            "peak_memory_mb": peak_memory_mb(),
            "gradient_steps_per_second": round(float(rows[-1]["gradient_steps"] or 0) / wall, 2),
            "env_steps_per_second": round(float(rows[-1]["env_steps"] or 0) / wall, 2),
            **extra,
        }
        write_text(self.path / "run.json", json.dumps(record, indent=1) + "\n")
        (self.path / STATE).unlink(missing_ok=True)


def _save_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    with atomic(path) as temporary:
        try:
            save_file({key: value.contiguous() for key, value in tensors.items()}, temporary, metadata=metadata)
        except SafetensorError as error:
            raise OSError(str(error)) from error


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - for the person at the terminal
