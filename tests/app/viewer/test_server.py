"""How the viewer is served: to this machine only, on a port that is free."""

import gc
import socket
import sys

import pytest
from streamlit import config

from retina_xai.app.viewer import server, services
from retina_xai.app.viewer.server import HOST, OPTIONS, view
from retina_xai.app.viewer.services import ViewSettings
from retina_xai.errors import UsageError


def test_options_keep_the_viewer_on_this_machine():
    assert OPTIONS["server.address"] == HOST == "127.0.0.1"
    assert OPTIONS["browser.gatherUsageStats"] is False
    assert OPTIONS["client.showErrorDetails"] == "none"
    assert OPTIONS["server.enableXsrfProtection"] is True
    assert OPTIONS["runner.fastReruns"] is False
    assert OPTIONS["server.maxUploadSize"] <= 50
    assert set(OPTIONS) <= set(config._config_options_template), "an option that Streamlit does not know"


def test_a_port_that_is_taken_is_said_at_once():
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=rf"port {port} cannot be used .*; choose another with --port"):
            view(ViewSettings(), port)


def test_garbage_collection_between_pages_leaves_out_what_was_loaded_before(tmp_path, weights, monkeypatch):
    frozen = []
    monkeypatch.setattr("streamlit.starlette.App.run", lambda app, config: frozen.append(gc.get_freeze_count()))
    monkeypatch.setattr(server, "_check_port", lambda _: None)
    monkeypatch.setattr(server, "SWITCH_INTERVAL", sys.getswitchinterval())
    monkeypatch.setattr(services, "_open", [])
    view(ViewSettings(weights=weights, readings=tmp_path / "readings.sqlite", cache=tmp_path))
    assert frozen[0] > 100_000
    assert gc.get_freeze_count() == 0
