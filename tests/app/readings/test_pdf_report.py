"""The report opened again: its facts are there, hostile texts are only texts, and it is always the same."""

import re
import time
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pypdfium2
import pytest
from helpers.readings import IMAGE, LESIONS, MODEL, READING

from retina_xai.app.readings.export import deidentified
from retina_xai.app.readings.finding_text import URGENT
from retina_xai.app.readings.model import agreement
from retina_xai.app.readings.pdf_report import ESTIMATED_SCALE, MARKED_SCALE, NO_SCALE, ROWS, Report, pdf_bytes
from retina_xai.errors import UsageError
from retina_xai.fundus.quality import Gradability
from retina_xai.fundus.retinal_scale import RetinalScale
from retina_xai.lesions.annotation import Annotation
from retina_xai.lesions.outlines import outline_of
from retina_xai.lesions.shapes import Disk
from retina_xai.verdict import Verdict

MADE = datetime(2026, 5, 5, 12, 0, tzinfo=UTC)
RUN = {
    "method": {"name": "retina", "settings": {"lam": 1e-10, "iterations": 80}},
    "model": {
        "sha256": MODEL,
        "architecture": "rdr5x5",
        "width": 0.5,
        "classes": ["non-RDR", "RDR"],
        "preprocessing": {"size": 448, "background": 0.05},
        "threshold": 0.491,
    },
    "versions": {"retina_xai": "0.1.0", "torch": "2.11.0"},
}


def picture_of(height, width, colour):
    """A plain picture."""
    return np.full((height, width, 3), colour, np.uint8)


SCALE = RetinalScale("mm", 0.02, 0.01)


def report_of(reading=READING, overlay=(0, 200, 0)):
    """A report of plain pictures: a red photograph, a green overlay."""
    height, width = reading.image.height, reading.image.width
    covered = None if overlay is None else picture_of(height, width, overlay)
    return Report(reading, picture_of(height, width, (200, 0, 0)), covered, RUN, MADE, scale=SCALE)


def pages_of(content):
    """The text of each page."""
    document = pypdfium2.PdfDocument(content)
    texts = [page.get_textpage().get_text_range() for page in document]
    document.close()
    return texts


def text_of(report):
    """All text of a report, with single spaces."""
    return re.sub(r"\s+", " ", " ".join(pages_of(pdf_bytes(report))))


def test_the_facts_are_in_the_text():
    text = text_of(report_of())
    for fact in (
        "Research use only. Not a medical device; not for diagnosis.",
        "2026-05-05 12:00 UTC",
        "Image quality usable rather soft System refer score 0.875, threshold 0.500",
        "Reader disagrees with the system Ada 2026-05-04 09:30 UTC Advice none, because the reader stated no finding "
        "Comment near the macula File 10_left.jpeg (400 x 320 pixels)",
        f"Technical appendix Image SHA-256 {IMAGE.sha256}",
        "Network rdr5x5, width 0.5, classes non-RDR, RDR",
        f"Weights SHA-256 {MODEL[:16]} Preprocessing size 448, background 0.05",
        "Threshold 0.491 stored with the weights",
        "Explanation method retina, lam 1e-10, iterations 80",
        "Settings method retina, threshold 0.04",
        "Versions retina_xai 0.1.0, torch 2.11.0",
        "hard exudates 1 haemorrhages 1 rejected 1; candidates of the system that were not reviewed: 0",
        "D1 hard exudates drawn by the reader 0.20 x 0.80",
        "C1 haemorrhages found by the system, accepted by the reader 0.24 x 0.48 0.750",
        "C2 unspecified found by the system, rejected by the reader 0.10 x 0.20 0.500",
        "Page 2 of 2",
    ):
        assert fact in text


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"finding": "refer"}, "Refer the patient to an ophthalmologist."),
        ({"finding": "refer", "grade": 4}, URGENT),
        ({"finding": "no referable DR"}, "screen again at the usual interval"),
        ({"finding": "ungradable"}, "Photograph the eye again"),
    ],
)
def test_advice_follows_from_the_readers_finding(said, expected):
    reading = replace(READING, decision=agreement(said["finding"], READING.verdict), **said)
    first, appendix = pages_of(pdf_bytes(report_of(reading)))
    assert expected in re.sub(r"\s+", " ", first)
    assert "Weights SHA-256" in appendix
    assert "Weights SHA-256" not in first


def test_lesions_have_the_numbers_of_the_viewer():
    spot = Annotation("1", "unspecified", Disk(60, 60, 9), "candidate", "kept", 0.5)
    found = [replace(spot, id="candidate-7"), replace(spot, id="candidate-12", shape=Disk(300, 60, 9))]
    drawn = [
        replace(spot, id=f"5f3a-{x}", shape=Disk(x, 250, 9), origin="reader", status="added", score=None)
        for x in (60, 300)
    ]
    first, appendix = pages_of(pdf_bytes(report_of(replace(READING, lesions=(*found, *drawn)))))
    for page in (first, appendix):
        assert {"7", "12", "D1", "D2"} <= set(page.split())
    assert "5f3a" not in first + appendix


def test_no_lesion_shares_its_number_with_another():
    spot = Annotation("c1", "unspecified", Disk(60, 60, 9), "candidate", "kept", 0.9)
    found = [
        replace(spot, id=name, shape=Disk(x, 60, 9), score=score)
        for name, x, score in (("c1", 60, 0.9), ("candidate-1", 180, 0.8), ("1", 300, 0.7))
    ]
    first, appendix = pages_of(pdf_bytes(report_of(replace(READING, lesions=tuple(found)))))
    for page in (first, appendix):
        assert {"C1", "1", "C2"} <= set(page.split())


def test_quality_comes_before_both_decisions_and_an_ungradable_one_has_no_evidence():
    verdict = Verdict(Gradability("ungradable", "too dark"), 0.1, 0.5)
    text = text_of(report_of(replace(READING, verdict=verdict, lesions=(), decision="none"), overlay=None))
    assert text.index("too dark") < text.index("System ungradable") < text.index("Reader no decision")
    assert "No evidence was computed" in text
    assert "Lesions that the reader reviewed" not in text


def test_the_finding_comes_first_and_what_was_not_reviewed_is_a_number():
    unreviewed = replace(LESIONS[0], id="c9", status="unreviewed")
    said = {"finding": "no referable DR", "grade": 1, "oedema": "unsure", "lesions": (unreviewed,)}
    text = text_of(report_of(replace(READING, **said)))
    assert "Reader no referable DR, grade 1, macular oedema: unsure disagrees with the system Ada" in text
    assert "rejected 0; candidates of the system that were not reviewed: 1" in text
    assert "c9" not in text


def test_pictures_are_where_they_belong():
    """A lesion's outline is found around its place in the picture on page 2; deleted ones are not drawn."""
    document = pypdfium2.PdfDocument(pdf_bytes(report_of()))
    first, second = (np.asarray(page.render(scale=2).to_pil().convert("RGB"), int) for page in document)
    document.close()
    assert same(first, (200, 0, 0)).any(axis=0).nonzero()[0].max() < same(first, (0, 200, 0)).any(axis=0).argmax()
    rows, columns = same(second, (200, 0, 0)).nonzero()
    top, left, scale = rows.min(), columns.min(), (np.ptp(columns) + 1) / IMAGE.width
    orange_rows, orange_columns = same(second[: rows.max()], (252, 168, 49)).nonzero()
    circle = LESIONS[0].shape
    assert (orange_columns.min() + orange_columns.max()) / 2 == pytest.approx(left + circle.x * scale, abs=2)
    assert (orange_rows.min() + orange_rows.max()) / 2 == pytest.approx(top + circle.y * scale, abs=2)
    assert np.ptp(orange_rows) == pytest.approx(2 * circle.radius * scale, abs=4)
    deleted = LESIONS[1].shape
    x, y, reach = round(left + deleted.x * scale), round(top + deleted.y * scale), round(2 * deleted.radius * scale)
    assert same(second[y - reach : y + reach, x - reach : x + reach], (200, 0, 0)).all()


def test_every_ring_of_an_outline_is_drawn():
    mask = np.ones((200, 200), bool)
    mask[50:150, 50:150] = False
    ring = Annotation("r", "soft_exudates", outline_of(mask, 100, 60), "candidate", score=0.5)
    document = pypdfium2.PdfDocument(pdf_bytes(report_of(replace(READING, lesions=(ring,)))))
    page = np.asarray(document[1].render(scale=2).to_pil().convert("RGB"), int)
    document.close()
    rows, columns = same(page, (200, 0, 0)).nonzero()
    top, left, scale = rows.min(), columns.min(), (np.ptp(columns) + 1) / IMAGE.width
    middle = same(page[round(top + 160 * scale)], (51, 105, 229)).nonzero()[0]
    for edge in (100, 150, 250, 300):
        assert np.abs(middle - (left + edge * scale)).min() <= 2


def same(pixels, colour):
    """Where a rendered page has a colour, but for JPEG."""
    return (np.abs(pixels - colour) < 25).all(axis=-1)


def test_hostile_texts_stay_texts():
    comment = "=cmd() **bold** __x__ <b>b</b> [a](http://evil.example) {nb} {pages} ) Tj (\\\x00\x07 end"
    reading = replace(READING, reader="<script>alert(1)</script> ../../x", comment=comment)
    content = pdf_bytes(report_of(reading))
    text = re.sub(r"\s+", " ", " ".join(pages_of(content)))
    assert "<script>alert(1)</script> ../../x" in text
    assert comment.replace("\x00\x07", "\ufffd\ufffd") in text
    assert "a character that this report's font lacks" in text
    assert not re.search(rb"/(URI|JavaScript|JS|Launch|Annots|EmbeddedFile)\b", content)


def test_any_unicode_is_a_report():
    names = "Zoë Øst Зоя Ωμ 山田太郎 🙂 e\u0301 \u202egnp.exe\u202c \ue000"
    text = text_of(report_of(replace(READING, reader=names, comment="שלום\nمرحبا\r\n\tNaïve" + "x" * 3000)))
    assert "Zoë Øst Зоя Ωμ \ufffd\ufffd\ufffd\ufffd" in text
    assert "gnp.exe" in text
    assert "\u202e" not in text


def test_hebrew_and_arabic_are_in_the_order_in_which_they_are_read():
    comment = "(א) Dr. אבג"
    content = pdf_bytes(report_of(replace(READING, comment="Dr. אבג")))
    document = pypdfium2.PdfDocument(content)
    page = document[0].get_textpage()
    text = page.get_text_range()
    places = {letter: page.get_charbox(text.index(letter))[0] for letter in comment[-3:]}
    document.close()
    assert places["א"] > places["ב"] > places["ג"]


def test_a_long_comment_runs_over_pages():
    comment = "\n".join(f"line {number}" for number in range(300))
    text = text_of(report_of(replace(READING, comment=comment)))
    assert [int(number) for number in re.findall(r"line (\d+)", text)] == list(range(300))


@pytest.mark.parametrize(
    ("scale", "head", "row", "said"),
    [
        (RetinalScale("mm", 0.02, 0.01), "size (mm)", "0.20 x 0.80", None),
        (RetinalScale("DD", 0.01, 0.01), "size (DD)", "0.20 x 0.40", ESTIMATED_SCALE),
        (None, "size score", "drawn by the reader C1", NO_SCALE),
    ],
)
def test_sizes_are_in_millimetres_or_disc_diameters_but_never_in_pixels(scale, head, row, said):
    text = text_of(replace(report_of(), scale=scale))
    assert head in text
    assert row in text
    assert [one for one in (ESTIMATED_SCALE, NO_SCALE) if one in text] == ([] if said is None else [said])
    assert re.findall(r"[^.]*pixel[^.]*", text.replace("(400 x 320 pixels)", "").replace(NO_SCALE, "")) == []


@pytest.mark.parametrize(
    ("scale", "head", "row", "said"),
    [
        (None, "size (DD)", "0.10 x 0.20", MARKED_SCALE.format(200)),
        (RetinalScale("DD", 0.01, 0.01), "size (DD)", "0.10 x 0.20", MARKED_SCALE.format(200)),
        (RetinalScale("mm", 0.02, 0.01), "size (mm)", "0.20 x 0.80", ""),
    ],
)
def test_sizes_are_in_diameters_of_the_disc_that_the_reader_marked(scale, head, row, said):
    text = text_of(replace(report_of(replace(READING, disc=Disk(100.0, 90.0, 100.0))), scale=scale))
    assert (head in text, row in text) == (True, True)
    assert said in text
    assert [one for one in (ESTIMATED_SCALE, NO_SCALE) if one in text] == []


def test_a_report_without_a_reader_says_nothing_of_one():
    candidates = tuple(replace(lesion, status="kept") for lesion in LESIONS if lesion.origin == "candidate")
    text = text_of(replace(report_of(replace(READING, lesions=candidates)), by_reader=False))
    assert text.count("found by the system") == len(candidates) > 0
    assert [word for word in ("accepted", "rejected", "the reader") if word in text] == []


def test_of_many_lesions_the_best_are_listed_and_the_rest_counted():
    lesions = [
        Annotation(f"c{number}", "unspecified", Disk(number % 400, 300, 2), "candidate", "kept", number / 1000)
        for number in range(900)
    ]
    text = text_of(report_of(replace(READING, lesions=(*lesions, LESIONS[2]))))
    assert "D1 hard exudates drawn by the reader" in text
    assert "C1 unspecified found by the system, accepted by the reader 0.04 x 0.08 0.899" in text
    assert f"C{ROWS - 1} unspecified found by the system, accepted" in text
    assert f"C{ROWS} unspecified found" not in text
    assert f"and {901 - ROWS} more: see the CSV or JSON export" in text


@pytest.mark.parametrize(("size", "pages"), [((3000, 40), 2), ((40, 3000), 2), ((8, 8), 2)])
def test_pictures_of_any_form_fit_on_the_sheet(size, pages):
    image = replace(IMAGE, height=size[0], width=size[1])
    assert len(pages_of(pdf_bytes(report_of(replace(READING, image=image))))) == pages


def test_large_photographs_are_scaled_down():
    size = 3000
    noise = np.random.default_rng(0).integers(0, 255, (size, size, 3), np.uint8)
    reading = replace(READING, image=replace(IMAGE, height=size, width=size))
    assert len(pdf_bytes(Report(reading, noise, None, RUN, MADE))) < 3_000_000


def test_the_same_report_is_the_same_file():
    first = pdf_bytes(report_of())
    time.sleep(1.1)
    assert pdf_bytes(report_of()) == first
    assert pdf_bytes(replace(report_of(), made=MADE.replace(hour=13))) != first


def test_a_deidentified_report_names_nobody():
    reading = replace(READING, reader="Zoë", comment="Hans", image=replace(IMAGE, name="Mueller_Hans.png"))
    content = pdf_bytes(report_of(deidentified([reading])[0]))
    text = " ".join(pages_of(content))
    assert f"{IMAGE.sha256[:16]} (400 x 320" in text
    assert not any(name in text for name in ("Zoë", "Hans", "Mueller"))


def test_pictures_and_weights_must_be_the_readings():
    report = report_of()
    with pytest.raises(UsageError, match=r"overlay of shape \(8, 9, 3\) and type uint8: the reading is of \(320, 400"):
        pdf_bytes(replace(report, overlay=picture_of(8, 9, 0)))
    with pytest.raises(UsageError, match="facts of other weights than the reading's"):
        pdf_bytes(replace(report, reading=replace(READING, model_sha256="00" * 32)))


def test_the_effect_of_a_candidate_is_in_the_table():
    lesions = tuple(replace(one, effect=1.234) if one.origin == "candidate" else one for one in READING.lesions)
    assert "0.750 1.23 " in text_of(report_of(replace(READING, lesions=lesions)))
    assert "0.750 1.23 " not in text_of(report_of())
