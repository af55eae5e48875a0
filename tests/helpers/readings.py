"""Readings to test with."""

from dataclasses import replace
from datetime import UTC, datetime

from retina_xai.app.readings.model import Circle, Finding, ImageFile, Polygon, Reading, ReadLesion

IMAGE = ImageFile("10_left.jpeg", "ab" * 32, 400, 320)
MODEL = "cd" * 32
LESIONS = (
    ReadLesion("c1", "candidate", "haemorrhages", Circle(100.5, 80.25, 12.0), "kept", 0.75),
    ReadLesion("c2", "candidate", "unspecified", Circle(200.0, 90.0, 5.0), "deleted", 0.5),
    ReadLesion("d1", "drawn", "hard_exudates", Polygon(((10.0, 20.0), (30.0, 20.0), (30.0, 60.0))), "added"),
)
READING = Reading(
    reader="Ada",
    time=datetime(2026, 5, 4, 9, 30, 15, tzinfo=UTC),
    image=IMAGE,
    model_sha256=MODEL,
    finding=Finding("refer", 0.875, 0.5, "usable", "rather soft"),
    decision="disagree",
    lesions=LESIONS,
    comment="near the macula",
    settings={"method": "retina", "threshold": 0.04},
)


def reading_of(name: str, **changes) -> Reading:
    """`READING` of another photograph, whose hash follows from its name."""
    return replace(READING, image=replace(IMAGE, name=name, sha256=f"{name.encode().hex():0<64}"[:64]), **changes)
