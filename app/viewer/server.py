"""`retina-xai view`: open the services, then serve the pages to this machine alone.

The options here protect photographs and readers, and override the configuration files of Streamlit: the viewer listens
on 127.0.0.1, sends nothing to other machines, shows no tracebacks, and limits uploads. `same_machine` refuses the pages
of other sites. Streamlit runs in this process, so Ctrl-C or a kill ends all of it. Stored readings are on disk by then
(`retina_xai.app.readings.store`).
"""

import gc
import socket
import sys
from pathlib import Path
from typing import Any

from retina_xai.app.cli.console import console
from retina_xai.app.viewer.panels.text import damage_line
from retina_xai.app.viewer.services import Services, ViewSettings, open_services, serve
from retina_xai.app.viewer.uploads import remove_stale_uploads
from retina_xai.errors import UsageError

HOST = "127.0.0.1"
PORT = 8501
MAX_UPLOAD_SIZE = 50
"""Megabytes."""

SWITCH_INTERVAL = 0.0005
"""Seconds after which a thread that makes a page yields to the one that computes, a tenth of Python's own."""

OPTIONS: dict[str, Any] = {
    "server.address": HOST,
    "server.headless": True,
    "server.fileWatcherType": "none",
    "server.runOnSave": False,
    "server.enableXsrfProtection": True,
    "server.enableCORS": True,
    "server.maxUploadSize": MAX_UPLOAD_SIZE,
    "server.enableStaticServing": False,
    "server.showEmailPrompt": False,
    "browser.gatherUsageStats": False,
    "browser.serverAddress": HOST,
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "minimal",
    "runner.magicEnabled": False,
    "runner.fastReruns": False,  # a fast rerun loses a click that waits for the former run
    "global.developmentMode": False,
    "logger.hideWelcomeMessage": True,
    "logger.level": "warning",
    "theme.light.primaryColor": "#0b5a8a",
    "theme.light.textColor": "#1c2430",
    "theme.light.backgroundColor": "#ffffff",
    "theme.light.secondaryBackgroundColor": "#eef1f5",
    "theme.dark.primaryColor": "#4dabf7",
    "theme.dark.textColor": "#d8dee6",
    "theme.dark.backgroundColor": "#12161b",
    "theme.dark.secondaryBackgroundColor": "#1f262e",
    "theme.baseFontSize": 14,
    "theme.headingFontSizes": ["1.5rem", "1.25rem", "1.1rem", "1rem", "1rem", "1rem"],
    "theme.baseRadius": "small",
    "theme.metricValueFontSize": "1.25rem",
}


def view(settings: ViewSettings, port: int = PORT) -> None:
    """Serve the viewer until it is interrupted.

    Raises:
        UsageError: the port is taken, or an option does not fit.
        InputError, ModelError: something that was named cannot be used.
    """
    _check_port(port)
    console.print("reading weights and photographs ...", style="dim")
    remove_stale_uploads()
    opened = open_services(settings)
    serve(opened)
    sys.setswitchinterval(SWITCH_INTERVAL)
    if damaged := opened.index.damaged:
        console.print(damage_line(damaged), soft_wrap=True, highlight=False)
    count = len(opened.folder.items)
    console.print(f"{count} photographs; readings are kept in {opened.store.path}", soft_wrap=True, highlight=False)
    console.print(f"open http://{HOST}:{port} in a browser on this machine; Ctrl-C ends", soft_wrap=True)
    try:
        _run(port, opened)
    except KeyboardInterrupt:
        console.print("stopped")
    finally:
        opened.worker.close()
        opened.encoder.close()
        opened.scores.flush()


def _run(port: int, opened: Services) -> None:
    """Serve the pages until a signal ends it.

    Streamlit collects garbage after every run of a page, which takes 0.3 s with all the objects of the libraries, and
    no thread goes on meanwhile. So what is loaded before the first page is left out of it.
    """
    from starlette.middleware import Middleware
    from streamlit import config
    from streamlit.starlette import App

    from retina_xai.app.viewer.panels import examination_page, games_page, worklist_page  # noqa: F401
    from retina_xai.app.viewer.same_machine import SameMachine

    options = {**OPTIONS, "server.port": port}
    known = {name: value for name, value in options.items() if name in config._config_options_template}
    own = [Middleware(SameMachine, port=port)]
    app = App(Path(__file__).with_name("page.py"), routes=[opened.thumbnails.route], middleware=own)
    gc.freeze()
    try:
        app.run(config=known)
    finally:
        gc.unfreeze()


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise UsageError(f"port {port} cannot be used ({error}); choose another with --port") from error
