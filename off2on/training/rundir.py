"""A training job's directory: its lock, its resume state, its outputs (docs/results-format.md)."""

import csv
import io
import json
import os
import socket
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import FileLock, Timeout
from torch import Tensor

from off2on.codehash import PLUMBING, code_hash
from off2on.errors import Off2OnError
from off2on.files import remove_leftovers, sha256, write_text
from off2on.jobs import Job, identity, parameters
from off2on.paths import OUTPUTS, kept
from off2on.provenance import config_hash, now, peak_memory_mb, provenance
from off2on.results import COLUMNS
from off2on.results.directory import check_outputs
from off2on.results.run_json import checksum, read_info
from off2on.training.checkpoint import Tensors, check_fits, read_state, save_tensors, write_state
from off2on.training.stopping import Stopped, StopRequest

Row = dict[str, float | int | None]
STATE = "state.safetensors"


@dataclass(frozen=True)
class Handling:
    """How a job treats what it finds in its directory."""

    #: wait for another process that holds it, instead of an error
    wait: bool = False
    #: the least time between two states on disk
    checkpoint_seconds: float = 60
    #: drop what is there, and start again
    restart: bool = False
    #: resume, or take as finished, what other code made
    other_code: bool = False


class RunDirectory:
    """Holds a lock from `__enter__` to `__exit__`; saves and loads the state; writes the outputs at the end."""

    def __init__(
        self,
        path: Path,
        identity: Mapping[str, Any],
        hashes: Mapping[str, str | None],
        inputs: Mapping[str, Path],
        handling: Handling,
        device: str = "cpu",
    ) -> None:
        """Take the directory of the run that `identity` describes.

        Args:
            path: the directory; made if it is missing.
            identity: the first part of run.json: kind, source, task, dataset, seed, settings, ...
            hashes: `config_hash` of everything but code, inputs and name that the numbers depend on; `code_hash`.
            inputs: the files that the job starts from, by name.
            handling: of what is there already.
            device: the kind that it is trained on; what another kind computes differs in the last bits.
        """
        self.path, self.device = path, device
        self.identity = dict(identity)
        self.hashes = dict(hashes)
        self._inputs, self._handling = dict(inputs), handling
        self._lock = FileLock(path / ".lock")
        self._stop, self._stack = StopRequest(), ExitStack()
        self._saved_at = time.monotonic()
        # taken now: a commit or an edit made during the run is not in the code that runs
        self._provenance = provenance()
        session: dict[str, str | None] = {"started": now(), "host": socket.gethostname()}
        session |= {"git_commit": self._provenance["git_commit"], "code_hash": self.hashes["code_hash"]}
        self._sessions = [session]
        #: input -> sha256, once the directory is entered
        self.parents: dict[str, str] = {}
        self._earlier_seconds = 0.0
        self._start = time.monotonic()

    @classmethod
    def of(cls, job: Job, inputs: Mapping[str, Path], path: Path, handling: Handling, device: str = "cpu") -> Self:
        """The directory of a training job."""
        hashes = {
            "config_hash": config_hash(parameters(job)),
            "code_hash": code_hash(*job.modules, without=PLUMBING),
        }
        return cls(path, identity(job), hashes, inputs, handling, device)

    # --------------------------------------------------------------------------------------------- holding it

    def __enter__(self) -> Self:
        for path in self._inputs.values():
            if path.absolute().parent == self.path.absolute():
                raise Off2OnError(f"{self.path} is where the job reads {path.name} from; choose another --out")
        if (self.path / STATE).is_dir():
            raise Off2OnError(f"{self.path / STATE} is a directory; remove it")
        # first: without its inputs a job leaves nothing behind
        self.parents = {name: sha256(path) for name, path in self._inputs.items()}
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._acquire()
            (self.path / ".owner").write_text(f"process {os.getpid()} on {socket.gethostname()}")
        except OSError as error:
            raise Off2OnError(f"cannot write {self.path}: {error.strerror or error}") from error
        with self._stack:
            self._stack.callback(self._release)
            for name in (STATE, *OUTPUTS):
                remove_leftovers(self.path / name, locked=True)
                if self._handling.restart:
                    (self.path / name).unlink(missing_ok=True)
            self._stack.enter_context(self._stop.listening())
            self._stack = self._stack.pop_all()
        return self

    def _acquire(self) -> None:
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            owner = self.path / ".owner"
            who = owner.read_text() if owner.is_file() else "another process"
            if not self._handling.wait:
                raise Off2OnError(
                    f"{self.path} is in use by {who}. Let it finish or stop it, or add --wait to wait for it"
                ) from None
            _say(f"waiting for {who}, which is working on {self.path}")
            self._lock.acquire()

    def _release(self) -> None:
        (self.path / ".owner").unlink(missing_ok=True)
        self._lock.release()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        if isinstance(error, KeyboardInterrupt):
            _say(f"interrupted: run the same command again, {self.path} resumes from its last checkpoint")
        if isinstance(error, Stopped):
            _say(f"stopped by {error}, state saved: run the same command again, {self.path} resumes there")

    @property
    def wall_seconds(self) -> float:
        """Time spent on the run, earlier sessions included."""
        return self._earlier_seconds + time.monotonic() - self._start

    # ------------------------------------------------------------------------------------- what is there already

    def complete(self) -> bool:
        """Whether the outputs are there, undamaged, of this job: settings, code and inputs.

        Raises:
            Off2OnError: they are there, but damaged or of another job.
        """
        if not all((self.path / name).is_file() for name in OUTPUTS):
            return False
        try:
            recorded = read_info(self.path)
            self._check_same(f"{self.path} holds a finished run with", recorded)
            if not {"progress.csv", "agent.safetensors"} <= recorded.get("outputs", {}).keys():
                raise Off2OnError(
                    f"{self.path / 'run.json'} has no checksums of its outputs: it is of an older version"
                )
            check_outputs(self.path, recorded, recorded["outputs"])
        except Off2OnError as error:
            fix = "Train it again with --restart, or choose another directory with --out"
            raise Off2OnError(f"{error}. {fix}") from None
        (self.path / STATE).unlink(missing_ok=True)
        return True

    def load_state(
        self, tensors: Tensors, position: Mapping[str, Any], growing: tuple[str, ...] = ()
    ) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Tensors and position of the last checkpoint; None: there is none, or it started from other inputs.

        Args:
            tensors: what this job would save now: names, types and shapes are compared before anything is loaded.
            position: as it would save it now: the keys are compared.
            growing: prefixes of tensors whose first axis grows as the job goes on.

        Raises:
            Off2OnError: it is damaged, or of other settings, other code or another kind of device.
        """
        path = self.path / STATE
        if not path.is_file():
            return None
        found, meta = read_state(path)
        try:
            self._check_same(f"{path} is the state of an interrupted run with", meta, inputs=False)
        except Off2OnError as error:
            raise Off2OnError(f"{error}. Go back to those to resume it, or start again with --restart") from None
        if (made_on := meta.get("device", "cpu")) != self.device:
            raise Off2OnError(
                f"{path} is the state of a run on {made_on}, which does not go on on {self.device}, where numbers "
                f"differ. Resume it with --device {made_on}, or start again with --restart"
            )
        if meta["parents"] != self.parents:
            _say(f"{self.path}: inputs changed since the interruption: starting again")
            return None
        check_fits(path, (found, meta["position"]), (tensors, position), growing)
        self._sessions = [*meta["sessions"], *self._sessions]
        self._earlier_seconds = meta["wall_seconds"]
        return found, meta["position"]

    def _check_same(self, what: str, recorded: Mapping[str, Any], inputs: bool = True) -> None:
        """Compare name, settings, code and inputs of what is on disk with this job's."""
        if other := self._differences(recorded, self._named()):
            raise Off2OnError(f"{what} other settings: {other}")
        if not self._handling.other_code and recorded.get("code_hash") != self.hashes["code_hash"]:
            commit = str(recorded.get("git_commit"))[:10]
            raise Off2OnError(f"{what} other code, of commit {commit}; --other-code takes it as it is")
        found = recorded["parents"]
        if inputs and found != self.parents:
            changed = [str(self._inputs[name]) for name, value in self.parents.items() if found.get(name) != value]
            raise Off2OnError(f"{what} other inputs: {', '.join(changed) or 'more of them'} (sha256 differs)")

    def _named(self) -> dict[str, Any]:
        """What the run is called, and the hash of its settings."""
        keys = ("kind", "source", "task", "dataset", "algorithm", "method", "seed", "members")
        named = {key: self.identity[key] for key in keys if key in self.identity}
        return named | {"config_hash": self.hashes["config_hash"]}

    @staticmethod
    def _differences(recorded: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
        other = [(key, recorded.get(key), value) for key, value in wanted.items() if recorded.get(key) != value]
        return ", ".join(f"{key} {found!r} (now {value!r})" for key, found, value in other)

    # ------------------------------------------------------------------------------------------ what is written

    def due(self) -> bool:
        """Whether it is time for a checkpoint: by the clock, or because the job is asked to end."""
        return bool(self._stop) or time.monotonic() - self._saved_at >= self._handling.checkpoint_seconds

    def save_state(self, tensors: Tensors, position: Mapping[str, Any]) -> None:
        """Write a checkpoint: everything that the rest of the run depends on.

        Raises:
            Stopped: the job was asked to end, and the checkpoint is written.
        """
        meta = {
            **self._named(),
            "device": self.device,
            "code_hash": self.hashes["code_hash"],
            "git_commit": self._provenance["git_commit"],
            "parents": self.parents,
            "position": position,
            "sessions": self._sessions,
            "wall_seconds": self.wall_seconds,
        }
        write_state(self.path / STATE, tensors, meta)
        self._saved_at = time.monotonic()
        self._stop.take()

    def write_progress(self, rows: Sequence[Row]) -> None:
        """Write progress.csv with the rows so far."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: "" if value is None else value for key, value in row.items()} for row in rows)
        write_text(self.path / "progress.csv", text.getvalue())

    def keep(self, step: int, agent: Tensors) -> None:
        """Write the weights of a step beside those of the last one, for `off2on select`."""
        save_tensors(self.path / kept(step), agent, {})

    def finish(
        self, rows: Sequence[Row], agent: Tensors, extra: Mapping[str, Any], steps: Collection[int] = ()
    ) -> None:
        """Write the outputs, run.json last, and drop the resume state; `steps` are those that were kept."""
        self.write_progress(rows)
        save_tensors(self.path / "agent.safetensors", agent, {})
        weights = ("agent.safetensors", *map(kept, steps))
        record = {
            **self.identity,
            "config_hash": self.hashes["config_hash"],
            "device": self.device,
            **self._provenance,
            # sessions with other code made something that no checkout would
            "code_hash": self.hashes["code_hash"] if len({s["code_hash"] for s in self._sessions}) == 1 else None,
            "dataset_sha256": self.parents.get("dataset"),
            "parents": self.parents,
            "started": self._sessions[0]["started"],
            # a clock that was set back in between
            "ended": max(now(), self._sessions[0]["started"] or ""),
            "sessions": self._sessions,
            **self._speed(rows[-1]),
            "outputs": {
                "progress.csv": {"rows": len(rows), "sha256": sha256(self.path / "progress.csv")},
                **{name: {"sha256": sha256(self.path / name)} for name in weights},
            },
            **extra,
        }
        record["sha256"] = checksum(record)
        write_text(self.path / "run.json", json.dumps(record, indent=1) + "\n")
        (self.path / STATE).unlink(missing_ok=True)

    def _speed(self, last: Row) -> dict[str, float]:
        wall = self.wall_seconds
        return {
            "wall_seconds": round(wall, 1),
            "peak_memory_mb": peak_memory_mb(),
            "gradient_steps_per_second": round(float(last["gradient_steps"] or 0) / wall, 2),
            "env_steps_per_second": round(float(last["env_steps"] or 0) / wall, 2),
        }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - for the person at the terminal
