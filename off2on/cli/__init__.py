"""The command line: one thin sub-command per kind of job - parse, call, say where the result is."""

import gc
import sys
from typing import NoReturn

# importing them registers the sub-commands, in the order of `off2on --help`
from off2on.cli import datasets, learning, looking, results  # noqa: F401
from off2on.cli.options import EXAMPLES, app, say
from off2on.errors import Off2OnError
from off2on.training.stopping import Stopped

__all__ = ["EXAMPLES", "app", "main"]


def main() -> None:
    """Entry point: an error that the user can fix is one message, without a traceback, and status 2."""
    # until work begins: what imports make is no garbage, and looking through it takes a tenth of their time
    gc.disable()
    try:
        app()
    except Off2OnError as error:
        _fail(error)
    except OSError as error:
        _fail(f"{error.filename or 'a file'}: {error.strerror or error}")
    except MemoryError:
        _fail("out of memory: a smaller dataset or a smaller scale fits, or a machine with more of it")
    except Stopped as stopped:
        sys.exit(stopped.status)
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(message: object) -> NoReturn:
    say(f"off2on: error: {message}")
    sys.exit(2)
