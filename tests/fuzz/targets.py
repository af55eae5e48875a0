"""What is fuzzed: each reader with the files that it reads, as a user's file reaches it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fuzz import seeds
from fuzz.mutations import BYTES, TEXTS, Mutation

from retina_xai.app.batch.localize import LocalizeRun, localize_batch
from retina_xai.app.readings.export import EXPORTS, export_bytes
from retina_xai.app.readings.model import Reading
from retina_xai.app.readings.store import StoredReadings, open_store
from retina_xai.app.viewer.earlier_results import find_earlier
from retina_xai.app.viewer.findings import Question, evidence_of_record
from retina_xai.app.viewer.score_cache import ScoreCache
from retina_xai.errors import InputError
from retina_xai.evaluation.datasets.diaretdb1_markings import confidence_map, read_markings
from retina_xai.fundus.preprocessing import Preprocessing
from retina_xai.grades.reading import read_labelled
from retina_xai.io.files import parse_json, sha256_of
from retina_xai.io.images import read_image, write_png
from retina_xai.models.checkpoint import ModelFacts, load_classifier, save_weights
from retina_xai.models.rdr import RdrNet
from retina_xai.training.config import TrainingConfig

METHOD = "saliency"


@dataclass(frozen=True)
class FuzzTarget:
    """A reader and the whole files that are damaged.

    read: reads the file that lies at `place`, and returns what a user gets of it. equal: whether two of these are the
    same; None where damage cannot be told from another content.
    """

    name: str
    place: Path
    seeds: tuple[bytes, ...]
    read: Callable[[Path], Any]
    mutations: tuple[Mutation, ...] = TEXTS
    equal: Callable[[Any, Any], bool] | None = None


def all_targets(folder: Path) -> list[FuzzTarget]:
    """Every target, with its files below `folder`."""
    makers = (_markings, _labels, _config, _weights, _store, _reading, _record, _scores)
    targets = []
    for make in makers:
        place = folder / make.__name__
        place.mkdir()
        targets.append(make(place))
    return [*_images(folder), *targets]


def _images(folder: Path) -> list[FuzzTarget]:
    def pixels(path: Path) -> np.ndarray:
        return read_image(path).pixels

    return [
        FuzzTarget(name, folder / "image", files, pixels, BYTES, np.array_equal) for name, files in seeds.IMAGES.items()
    ]


def _markings(folder: Path) -> FuzzTarget:
    def read(path: Path) -> object:
        found = read_markings(path)
        for lesion_type in {marking.lesion_type for marking in found.markings}:
            confidence_map(found.markings, lesion_type, (seeds.SMALL.height, seeds.SMALL.width))
        return found

    return FuzzTarget("DiaretDB1 XML", folder / "image_01.xml", seeds.diaretdb1(folder), read)


def _labels(folder: Path) -> FuzzTarget:
    files = seeds.labels(folder)
    return FuzzTarget(
        "label CSV", folder / "trainLabels.csv", files, lambda path: read_labelled([path.parent], allow_missing=True)
    )


def _config(folder: Path) -> FuzzTarget:
    return FuzzTarget("TOML config", folder / "config.toml", (seeds.CONFIG,), TrainingConfig.from_toml)


def _tiny_weights(path: Path) -> Path:
    torch.manual_seed(0)
    net = RdrNet(width=1 / 16).eval()
    save_weights(path, net, ModelFacts("rdr5x5", 1 / 16, Preprocessing(size=96)))
    return path


def _weights(folder: Path) -> FuzzTarget:
    path = _tiny_weights(folder / "rdr.safetensors")

    def read(path: Path) -> list[torch.Tensor]:
        return list(load_classifier(path).model.state_dict().values())

    def equal(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
        return all(torch.equal(*pair) for pair in zip(one, other, strict=True))

    return FuzzTarget("weights", path, (path.read_bytes(),), read, BYTES, equal)


def _store(folder: Path) -> FuzzTarget:
    def read(path: Path) -> StoredReadings:
        for rest in path.parent.glob("*.sqlite-*"):
            rest.unlink()
        found = open_store(path).read()
        for kind in EXPORTS:
            export_bytes(found.readings, kind, [row.number for row in found.damaged])
        return found

    def equal(one: StoredReadings, whole: StoredReadings) -> bool:
        return all(reading in whole.readings for reading in one.readings)

    return FuzzTarget("store of readings", folder / "readings.sqlite", seeds.store(folder), read, TEXTS, equal)


def _reading(folder: Path) -> FuzzTarget:
    def read(path: Path) -> Reading:
        try:
            values = parse_json(path.read_bytes())
        except ValueError as error:
            raise InputError("no JSON") from error
        found = Reading.from_json(values)
        for kind in EXPORTS:
            export_bytes([found], kind)
        return found

    return FuzzTarget("reading JSON", folder / "reading.json", seeds.readings(folder), read)


def _record(folder: Path) -> FuzzTarget:
    """The record of an earlier `localize`, as the viewer shows it."""
    write_png(folder / "in" / "eye.png", seeds.PIXELS)
    weights = load_classifier(_tiny_weights(folder / "rdr.safetensors"))
    localize_batch(
        [folder / "in" / "eye.png"], LocalizeRun(weights, folder / "out", METHOD, ungradable=True), lambda *_: None
    )
    sha256, place = sha256_of(folder / "in" / "eye.png"), folder / "out" / "eye.json"
    run = {key: json.loads(place.read_bytes())[key] for key in ("method", "model")}

    def read(path: Path) -> object:
        found = find_earlier([path.parent]).evidence(sha256, run)
        if found is None:
            return None
        record, evidence, places = found
        return evidence_of_record(record, evidence, Question(METHOD), places)

    return FuzzTarget("record JSON", place, (place.read_bytes(),), read)


def _scores(folder: Path) -> FuzzTarget:
    cache, place = ScoreCache(folder / "scores.json"), folder / "scores.json"
    cache.put("ab" * 32, seeds.READING.verdict)
    cache.flush()
    return FuzzTarget("score cache", place, (place.read_bytes(),), partial(_scored))


def _scored(path: Path) -> object:
    return ScoreCache(path).get("ab" * 32)


def clear(target: FuzzTarget) -> None:
    """Remove what an earlier case left in the place of the file."""
    if target.place.is_dir():
        shutil.rmtree(target.place)
