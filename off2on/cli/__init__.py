"""The command line: one thin sub-command per kind of job - parse, call, say where the result is."""

import gc
import sys

# importing them registers the sub-commands, in the order of `off2on --help`
from off2on.cli import learning, results  # noqa: F401
from off2on.cli.options import EXAMPLES, app, say
from off2on.errors import Off2OnError

__all__ = ["EXAMPLES", "app", "main"]


def main() -> None:
    """Entry point: an error that the user can fix is one message, without a traceback, and status 2."""
    # until work begins: what imports make is no garbage, and looking through it takes a tenth of their time
    gc.disable()
    try:
        app()
    except Off2OnError as error:
        say(f"off2on: error: {error}")
        sys.exit(2)
