"""SIGTERM and Ctrl-C: a training job saves its state at the next step, then ends."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

#: what a batch system sends before it kills a job, and what Ctrl-C sends
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(BaseException):
    """The job was asked to end, and its state is saved; no error, so nothing that handles errors catches it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        #: the exit status by which shells, Snakemake and Slurm tell a signal
        self.status = 128 + number


class StopRequest:
    """Whether the job was asked to end; a second signal ends it at once."""

    def __init__(self) -> None:
        self.number: int | None = None

    def __bool__(self) -> bool:
        return self.number is not None

    def take(self) -> None:
        """End the job if it was asked to: called when its state is safe.

        Raises:
            Stopped: it was.
        """
        if self.number is not None:
            raise Stopped(self.number)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals over; only a process's main thread can."""
        try:
            before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        except ValueError:
            before = {}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self:
            raise KeyboardInterrupt
        self.number = number
