"""The console script: runs the commands; every error ends in one line on standard error and its exit code.

Exit codes: 0 done, 1 internal error, 2 usage or missing extra, 3 unreadable or unfit input, 4 model or weights,
5 batch finished with failures, 130 interrupted (Ctrl-C), 143 ended by SIGTERM.
"""

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from retina_xai.app.cli.extras import missing_extra
from retina_xai.errors import InputError, InternalError, RetinaXaiError, UsageError
from retina_xai.io.files import FULL
from retina_xai.io.names import printable
from retina_xai.io.stores import store_error

DEBUG = "RETINA_XAI_DEBUG"
REPORT = f"; set {DEBUG}=1 and report the traceback"
INTERRUPTED, TERMINATED = 130, 143
KEPT = "what is done is kept, run the same command again to go on (train: with --resume)"
STOPPED = {INTERRUPTED: f"interrupted; {KEPT}", TERMINATED: f"ended by SIGTERM; {KEPT}"}


def main() -> None:
    """Run the command line."""
    # Idle threads of torch sleep. Otherwise they spin, and on a busy machine a game takes several times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if os.environ.get(DEBUG):
        logging.basicConfig()
        logging.getLogger("retina_xai").setLevel(logging.DEBUG)
    try:
        with _ended_by_sigterm():
            from retina_xai.app.cli.main import app

            app()
    except RetinaXaiError as error:
        _fail(f"{error}{REPORT if isinstance(error, InternalError) else ''}", error.exit_code)
    except KeyboardInterrupt:
        _fail(STOPPED[INTERRUPTED], INTERRUPTED)
    except SystemExit as leaving:  # typer raises it itself, without a message when interrupted
        if leaving.code not in STOPPED:
            raise
        _fail(STOPPED[int(leaving.code)], int(leaving.code))
    except Exception as error:
        _fail_unexpected(error)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM raises SystemExit during the `with` block, so that partial files are removed."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(TERMINATED)

    former = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def _fail_unexpected(error: Exception) -> NoReturn:
    if isinstance(error, ModuleNotFoundError) and (message := missing_extra(error, sys.argv[1:])):
        _fail(message, UsageError.exit_code)
    if os.environ.get(DEBUG):
        raise error
    if (lost := store_error(error)) is not None:
        _fail(str(lost), lost.exit_code)
    if isinstance(error, OSError) and error.errno in FULL:
        place = f"{error.filename}: " if error.filename else ""
        _fail(f"{place}cannot write ({error.strerror}); free some space and run again", InputError.exit_code)
    if isinstance(error, OSError) and error.filename:
        _fail(f"{error.filename}: cannot be used ({error.strerror}); check path and permissions", InputError.exit_code)
    if isinstance(error, MemoryError):
        _fail("not enough memory; close other programs, or give fewer or smaller photographs", InputError.exit_code)
    _fail(f"internal error ({type(error).__name__}: {error}){REPORT}", InternalError.exit_code)


def _fail(message: str, code: int) -> NoReturn:
    print("error: " + printable(" ".join(message.split())), file=sys.stderr)  # noqa: T201
    sys.exit(code)
