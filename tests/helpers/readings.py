"""Readings for tests."""

from dataclasses import replace
from datetime import UTC, datetime

from retina_xai.app.readings.model import ImageFile, Reading
from retina_xai.fundus.quality import Gradability
from retina_xai.lesions.annotation import Annotation
from retina_xai.lesions.shapes import Disk, Outline
from retina_xai.verdict import Verdict

IMAGE = ImageFile("10_left.jpeg", "ab" * 32, 400, 320)
MODEL = "cd" * 32
LESIONS = (
    Annotation("c1", "haemorrhages", Disk(100.5, 80.25, 12.0), "candidate", "kept", 0.75),
    Annotation("c2", "unspecified", Disk(200.0, 90.0, 5.0), "candidate", "deleted", 0.5),
    Annotation("d1", "hard_exudates", Outline((((10.0, 20.0), (30.0, 20.0), (30.0, 60.0)),)), "reader", "added"),
)
READING = Reading(
    reader="Ada",
    time=datetime(2026, 5, 4, 9, 30, 15, tzinfo=UTC),
    image=IMAGE,
    model_sha256=MODEL,
    verdict=Verdict(Gradability("usable", "rather soft"), 0.875, 0.5),
    decision="disagree",
    lesions=LESIONS,
    comment="near the macula",
    settings={"method": "retina", "threshold": 0.04},
)


def reading_of(name: str, **changes) -> Reading:
    """`READING` of another photograph, whose hash follows from its name."""
    return replace(READING, image=replace(IMAGE, name=name, sha256=f"{name.encode().hex():0<64}"[:64]), **changes)
