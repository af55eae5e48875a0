"""The classifier as one ONNX file: input `squares`, output `rdr_score`; see `square_score`.

The file's metadata hold the facts (`retina_xai`, JSON) and the card (`card`, Markdown) of `card`. Traces of the source
files, which torch writes into every node, are removed.
"""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import onnx
import onnxruntime
import onnxscript  # noqa: F401  (torch.onnx needs it and would fail later)
import torch

from retina_xai.errors import UsageError
from retina_xai.io.files import write_bytes
from retina_xai.model_export.card import card, check_score, export_facts, graph_of, self_test_square
from retina_xai.models.checkpoint import RdrClassifier

INPUT, OUTPUT, BATCH = "squares", "rdr_score", "photographs"


def write_onnx(path: Path, classifier: RdrClassifier) -> None:
    """Write the file (atomic), after onnxruntime gave the score of the self-test.

    Raises:
        UsageError: the path is a folder. ModelError: the score differs. OutputError: the file cannot be written.
    """
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; give the name of the file, such as {path / 'rdr.onnx'}")
    square = self_test_square(classifier.facts.preprocessing.size)
    model = _converted(graph_of(classifier), square)
    facts = export_facts(classifier)
    onnx.helper.set_model_props(model, {"retina_xai": json.dumps(facts), "card": card(facts)})
    onnx.checker.check_model(model)
    content = model.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    check_score("the ONNX file", float(session.run([OUTPUT], {INPUT: square.numpy()})[0][0, 0]), classifier)
    write_bytes(path, content)


def _converted(graph: torch.nn.Module, square: torch.Tensor) -> onnx.ModelProto:
    with _quiet():
        program = torch.onnx.export(
            graph,
            (square.repeat(2, 1, 1, 1),),  # a batch of one would become constant
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim(BATCH)},),
            input_names=[INPUT],
            output_names=[OUTPUT],
            verbose=False,
        )
    model = cast(torch.onnx.ONNXProgram, program).model_proto
    for part in (*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.value_info, model.graph):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    del model.functions[:]  # torch's own, which the optimiser has inlined
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings and log lines of torch's exporter."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
