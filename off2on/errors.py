"""The one exception a user is meant to read."""


class Off2OnError(Exception):
    """A problem the user can fix: the message names the file, the key, the value and the fix.

    The command line prints the message alone, without a traceback, and exits with status 2.
    """
