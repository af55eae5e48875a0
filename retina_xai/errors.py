"""Errors that a user can act on, each with the exit code of the command line.

A message is one line: the file (if any), the value received, the value expected, and what to do. Exit codes: 0 success,
1 error of this package, 2 usage, 3 unreadable or unfit input, 4 model or weights, 5 batch with failures,
130 interrupted by Ctrl-C, 143 ended by SIGTERM.
"""


class RetinaXaiError(ValueError):
    """Base class of all errors of this package; `exit_code` is the exit code of the command line."""

    exit_code = 2


class UsageError(RetinaXaiError):
    """An invalid option, setting or argument."""

    exit_code = 2


class InputError(RetinaXaiError):
    """A file, table or array that cannot be read or is not suitable."""

    exit_code = 3


class OutputError(InputError):
    """A file that cannot be written, or a full disk. It ends a run, because no later result could be saved either."""


class ServerError(InputError):
    """A server that cannot be reached, refuses or falls silent. It ends a run, because no later item could be done."""


class ModelError(RetinaXaiError):
    """Weights or a network that cannot be used."""

    exit_code = 4


class BatchError(RetinaXaiError):
    """A batch was completed, but some of its items failed."""

    exit_code = 5


class InternalError(RetinaXaiError):
    """An unexpected error, with the item in which it occurred; the cause is chained."""

    exit_code = 1
