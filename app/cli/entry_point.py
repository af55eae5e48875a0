"""The console script: runs the commands; every error ends in one line on standard error and its exit code.

Exit codes: 0 done, 1 internal error, 2 usage or missing extra, 3 unreadable or unfit input, 4 model or weights,
5 batch finished with failures, 130 interrupted.
"""

import logging
import os
import sys
from typing import NoReturn

from retina_xai.app.cli.extras import missing_extra
from retina_xai.errors import InternalError, RetinaXaiError, UsageError

DEBUG = "RETINA_XAI_DEBUG"
REPORT = f"; set {DEBUG}=1 and report the traceback"
INTERRUPTED = 130


def main() -> None:
    """Run the command line."""
    if os.environ.get(DEBUG):
        logging.basicConfig()
        logging.getLogger("retina_xai").setLevel(logging.DEBUG)
    try:
        from retina_xai.app.cli.main import app

        app()
    except RetinaXaiError as error:
        _fail(f"{error}{REPORT if isinstance(error, InternalError) else ''}", error.exit_code)
    except SystemExit as leaving:  # typer raises it itself, without a message when interrupted
        if leaving.code != INTERRUPTED:
            raise
        _fail("interrupted; what is done is kept, run the same command again to go on", INTERRUPTED)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and (message := missing_extra(error, sys.argv[1:])):
            _fail(message, UsageError.exit_code)
        if os.environ.get(DEBUG):
            raise
        _fail(f"internal error ({type(error).__name__}: {error}){REPORT}", InternalError.exit_code)


def _fail(message: str, code: int) -> NoReturn:
    print("error: " + " ".join(message.split()), file=sys.stderr)  # noqa: T201
    sys.exit(code)
