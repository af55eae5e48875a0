"""The notebooks of the documentation: they were executed, hold no errors and no paths, and their code runs."""

import json
import re
from pathlib import Path

import matplotlib as mpl
import pytest
from helpers.networks import TinyNet
from helpers.tiny_network import RULES

from retina_xai.models.checkpoint import load_classifier
from retina_xai.models.imagenet import categories
from retina_xai.models.network import Network

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
FOREIGN = re.compile(r"/(tmp|home|root|usr|Users)/|site-packages|Traceback")


def code_cells(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def test_there_are_three():
    assert [path.stem for path in NOTEBOOKS] == ["imagenet", "real", "retina"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_was_executed_in_order_without_errors(path):
    cells = code_cells(path)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} <= {"stream", "display_data", "execute_result"}
    assert {output.get("name") for output in outputs} <= {None, "stdout"}
    assert any("image/png" in output.get("data", {}) for output in outputs)
    told = [
        "".join(output.get("text", "")) + json.dumps(output.get("data", {}).get("text/plain", "")) for output in outputs
    ]
    assert not FOREIGN.search("\n".join(told))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_code_of_a_notebook_runs(path, weights, monkeypatch, capsys):
    """With small networks instead of those that are downloaded: as many lines as are stored, with other figures."""
    tiny = Network(TinyNet(1000).eval(), "tiny", categories(), RULES, "none")
    monkeypatch.setattr("retina_xai.load_network", lambda name: tiny)
    monkeypatch.setattr("retina_xai.load_classifier", lambda: load_classifier(weights))
    names = {}
    with mpl.rc_context({"backend": "agg"}):
        for cell in code_cells(path):
            exec("".join(line for line in cell["source"] if not line.startswith("%")), names)
    stored = [text for cell in code_cells(path) for output in cell["outputs"] for text in output.get("text", ())]
    assert len(capsys.readouterr().out.splitlines()) == len("".join(stored).splitlines())
