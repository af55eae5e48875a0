"""The errors a user can act on: one family, each with the exit code of the command line.

A message is one line that says what came, what was expected and what to do, and names the file where there
is one. Exit codes: 0 done, 1 fault of this package, 2 usage, 3 unreadable or unfit input, 4 model or weights, 5 batch
with failures.
"""


class RetinaXaiError(ValueError):
    """Base of every error that this package raises on purpose; `exit_code` is what the CLI ends with."""

    exit_code = 2


class UsageError(RetinaXaiError):
    """An option, setting or argument that makes no sense."""

    exit_code = 2


class InputError(RetinaXaiError):
    """A file, table or array that cannot be read or is unfit for the purpose."""

    exit_code = 3


class OutputError(InputError):
    """A place that cannot be written, or a full disk: no fault of the input, and more work would be lost as well."""


class ModelError(RetinaXaiError):
    """Weights or a network that cannot be used."""

    exit_code = 4


class BatchError(RetinaXaiError):
    """A batch that went to its end, but in which some items failed."""

    exit_code = 5


class InternalError(RetinaXaiError):
    """An error that this package did not expect, with the item that it happened to; the cause is chained."""

    exit_code = 1
