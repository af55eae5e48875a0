"""Scores of labelled photographs: one record each, so that an interrupted run continues where it stopped.

A record is OUT/scores/KEY.json with the image name, the SHA-256 of the file and the verdict. It is done again where the
file has changed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from retina_xai.errors import InputError
from retina_xai.grades.photographs import LabelledPhotograph
from retina_xai.io.files import parse_json, sha256_of, write_json
from retina_xai.io.images import read_image
from retina_xai.localization import predict
from retina_xai.models.checkpoint import RdrClassifier
from retina_xai.runner import Codec, Executor, ItemOutcome, RunOutcome, WorkItem, in_turn, key_of, run
from retina_xai.verdict import Verdict


@dataclass(frozen=True)
class ImageScore:
    """The verdict on a photograph, and the SHA-256 of its file."""

    sha256: str
    verdict: Verdict


OnScore = Callable[[ItemOutcome[LabelledPhotograph, ImageScore]], None]


def score_photographs(
    photographs: Sequence[LabelledPhotograph],
    classifier: RdrClassifier,
    out: Path,
    on_item: OnScore = lambda _: None,
    executor: Executor = in_turn,
) -> RunOutcome[LabelledPhotograph, ImageScore]:
    """Score every photograph that has no record in OUT/scores; `on_item` is called after each.

    Raises:
        OutputError: OUT cannot be written.
    """
    items = [WorkItem(photo.image, photo, out / "scores" / f"{key_of([photo.image])}.json") for photo in photographs]

    def work(labelled: LabelledPhotograph) -> ImageScore:
        photograph = read_image(labelled.path)
        return ImageScore(photograph.sha256, predict(photograph, classifier))

    return run(items, work, Codec(_load, _save, _is_current), on_item, executor)


def _load(record: Path) -> ImageScore | None:
    try:
        content = parse_json(record.read_text(encoding="utf-8"))
        return ImageScore(content["sha256"], Verdict.from_json(content))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _save(record: Path, score: ImageScore) -> None:
    write_json(record, {"sha256": score.sha256, **score.verdict.to_json()})


def _is_current(item: WorkItem[LabelledPhotograph], score: ImageScore) -> bool:
    try:
        return score.sha256 == sha256_of(item.source.path)
    except OSError as error:
        raise InputError(f"{item.source.path}: cannot read ({error.strerror}); check the file") from error
