"""The viewer as a reader uses it, in a real browser: `retina-xai view` in a process of its own."""

import csv
import io
import json
import signal
from pathlib import Path

import pypdfium2
import pytest
import torch
from helpers.viewer_pages import (
    MILLISECONDS,
    button,
    downloaded,
    find_evidence,
    on_worklist,
    open_photograph,
    press,
    readout,
    rows,
    saved,
    serious,
    shows,
    spot,
    store,
    upload,
)
from helpers.viewer_process import PATIENCE, start
from helpers.viewer_services import photographs
from playwright.sync_api import expect
from safetensors.torch import save_file
from torchvision import models

from retina_xai.io.images import write_png
from retina_xai.training.phantoms.phantom import make_phantom


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("viewer")
    (place / "plain").mkdir()
    photographs(place / "plain")
    return place


@pytest.fixture(scope="module")
def viewer(folder, weights, browser):
    network = folder / "squeezenet.safetensors"
    torch.manual_seed(0)
    save_file(models.squeezenet1_1(weights=None).state_dict(), network)
    running = start(
        folder, weights, "--data", folder / "plain", "--imagenet-model", "squeezenet1_1", "--imagenet-weights", network
    )
    yield running
    running.process.terminate()
    running.process.wait(PATIENCE)


def test_the_worklist_is_scored_filtered_and_goes_on_past_a_broken_file(page, viewer):
    on_worklist(page, viewer)
    expect(rows(page)).to_have_count(4)
    broken = rows(page).filter(has_text="broken.png")
    expect(broken).to_contain_text("is empty (0 bytes)")
    assert str(viewer.folder) not in page.content()
    assert serious(page) == []
    rows(page).first.get_by_role("button").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".retina-canvas")).to_be_visible(timeout=MILLISECONDS)


def test_reading_a_photograph_from_evidence_to_the_exports(page, viewer):
    read_it(page, viewer)
    (reading,) = [one for one in viewer.readings if one.reader == "Ada"]
    drawn = [lesion for lesion in reading.lesions if lesion.origin == "reader"]
    assert (reading.finding, reading.comment) == ("refer", "=cmd() <script>alert(1)</script>")
    assert drawn[0].shape.x == pytest.approx(120, abs=2)
    assert drawn[0].shape.radius == pytest.approx(15, abs=2)
    check_exports(page, reading)


def read_it(page, viewer):
    """Look, zoom, move the threshold, choose a candidate, draw a lesion, agree, comment, store."""
    on_worklist(page, viewer)
    open_photograph(page, "10_right.png", "Ada")
    find_evidence(page)
    page.mouse.move(*spot(page, 150, 90))
    for _ in range(4):
        page.mouse.wheel(0, -100)
    expect(readout(page, "zoom")).not_to_have_text("zoom 1.0×")
    zoom = readout(page, "zoom").text_content()
    slider = page.get_by_role("slider", name="Hide findings weaker than")
    slider.focus()
    before = rows(page, "Lesion candidates").count()
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    expect(rows(page, "Lesion candidates")).not_to_have_count(before, timeout=MILLISECONDS)
    expect(readout(page, "zoom")).to_have_text(zoom)
    expect(page.locator(".retina-canvas [data-command=overlay]")).to_have_attribute("aria-pressed", "true")

    page.mouse.move(*spot(page, 120, 100))
    place = readout(page, "position").text_content()
    press(page, rows(page, "Lesion candidates").first)
    page.mouse.move(*spot(page, 120, 100))
    expect(readout(page, "position")).not_to_have_text(place)
    expect(page.get_by_label("Type of candidate 1")).to_be_visible(timeout=MILLISECONDS)
    expect(rows(page, "Lesion candidates").first).to_have_attribute("aria-current", "true")

    page.locator("body").press("0")
    page.locator("body").press("d")
    page.mouse.move(*spot(page, 120, 100))
    page.mouse.down()
    page.mouse.move(*spot(page, 135, 100), steps=4)
    page.mouse.up()
    haemorrhages = button(page, "Haemorrhages")
    for shown in ("false", "true"):
        page.locator("body").press("5")
        expect(haemorrhages).to_have_attribute("aria-pressed", shown)
    page.locator("body").press("v")
    page.get_by_label("Comment").fill("=cmd() <script>alert(1)</script>")
    page.get_by_label("Comment").blur()
    store(page, "refer")
    assert serious(page) == []


def check_exports(page, reading):
    """All downloads, opened."""
    press(page, page.get_by_text("Export my readings of this photograph"))
    table = list(csv.DictReader(io.StringIO(saved(page, "CSV").decode())))
    assert len(table) == len(reading.reviewed) == 1
    assert table[0]["mark"] == "drawn by the reader"
    assert int(table[0]["not_reviewed"]) == reading.not_reviewed > 0
    assert table[0]["comment"] == "'=cmd() <script>alert(1)</script>"
    coco = json.loads(saved(page, "COCO"))
    assert coco["images"][0]["file_name"] == "10_right.png"
    assert len(coco["annotations"]) == 1
    assert json.loads(saved(page, "JSON"))["readings"][0]["reader"] == "Ada"
    download = downloaded(page, "PDF report")
    assert download.suggested_filename == f"10_right-reading-{reading.number}.pdf"
    report = pypdfium2.PdfDocument(Path(download.path()).read_bytes())
    text = "".join(report[number].get_textpage().get_text_bounded() for number in range(len(report)))
    assert "Ada" in text
    assert f"candidates of the system that were not reviewed: {reading.not_reviewed}" in text
    report.close()
    press(page, page.get_by_text("Without names and comments"))
    assert downloaded(page, "PDF report").suggested_filename == f"reading-{reading.number}.pdf"
    hidden = saved(page, "JSON").decode()
    assert "Ada" not in hidden
    assert "10_right" not in hidden


def test_next_finding_and_store_by_key(page, viewer):
    on_worklist(page, viewer)
    open_photograph(page, "7_left.png", "Cleo")
    page.locator("body").press("n")
    expect(page.locator(".retina-canvas [role=alert]")).to_contain_text("is empty (0 bytes)", timeout=MILLISECONDS)
    page.locator("body").press("p")
    for key in "uf":
        page.keyboard.press(key)
    shows(page, "7_left.png")
    expect(page.get_by_text("Stored as reading")).to_be_visible(timeout=MILLISECONDS)
    found = [(one.image.name, one.finding) for one in viewer.readings if one.reader == "Cleo"]
    assert found == [("7_left.png", "ungradable")]


def test_a_search_shows_how_far_it_is_and_can_be_cancelled(page, folder, slow_weights, browser):
    one = start(folder, slow_weights, "--data", folder / "plain", "--method", "fgvis")
    try:
        on_worklist(page, one)
        open_photograph(page, "7_left.png")
        for _ in range(2):
            press(page, button(page, "Find evidence"))
            expect(page.get_by_text("Game 1 of 1, step")).to_be_visible(timeout=MILLISECONDS)
            button(page, "Cancel").click()
            expect(page.get_by_text("Cancelled; nothing was kept.")).to_be_visible(timeout=MILLISECONDS)
            expect(rows(page, "Lesion candidates")).to_have_count(0)
        page.goto("about:blank")
    finally:
        one.process.terminate()
        one.process.wait(PATIENCE)


def test_two_sessions_see_nothing_of_each_other(page, browser, viewer, tmp_path):
    mine = tmp_path / "only-mine <b>.png"
    write_png(mine, make_phantom(9, 200, 240, grade=3).pixels)
    on_worklist(page, viewer)
    upload(page, mine)
    expect(rows(page)).to_have_count(5, timeout=MILLISECONDS)
    expect(rows(page).filter(has_text="only-mine <b>.png")).to_contain_text("usable", timeout=MILLISECONDS)
    open_photograph(page, "only-mine <b>.png", "Dora")
    page.get_by_label("Comment").fill("a private remark")
    store(page)
    other = browser.new_context().new_page()
    try:
        on_worklist(other, viewer)
        expect(rows(other)).to_have_count(4)
        open_photograph(other, "7_left.png", "Eve")
        press(other, other.get_by_text("My readings of this photograph (0)"))
        assert "only-mine" not in other.content()
        assert "a private remark" not in other.content()
        assert "Dora" not in other.content()
    finally:
        other.context.close()


def test_an_upload_that_cannot_be_read_gets_its_line(page, viewer, tmp_path):
    text = tmp_path / "notes.jpg"
    text.write_text("no photograph", encoding="utf-8")
    on_worklist(page, viewer)
    upload(page, text)
    line = rows(page).filter(has_text="notes.jpg: is text, not an image")
    expect(line).to_be_visible(timeout=MILLISECONDS)
    expect(rows(page)).to_have_count(5)


def test_a_game_is_played_with_and_without_the_defence(page, viewer):
    on_worklist(page, viewer)
    press(page, page.get_by_role("link", name="ImageNet games"))
    page.get_by_label("Iterations").fill("3")
    page.get_by_label("Iterations").press("Enter")
    press(page, button(page, "Play"))
    expect(page.get_by_text("Without the defence", exact=True)).to_be_visible(timeout=MILLISECONDS)
    expect(page.get_by_text("complementary mask").first).to_be_visible()
    assert serious(page) == []


def test_a_kill_and_a_new_start_lose_neither_readings_nor_what_was_entered(context, folder, weights, browser):
    one, page = start(folder, weights, "--data", folder / "plain"), context.new_page()
    try:
        on_worklist(page, one)
        open_photograph(page, "10_left.png", "Finn")
        store(page)
        page.keyboard.press("n")
        shows(page, "10_right.png")
        for key in ("u", "+"):
            page.keyboard.press(key)
        expect(page.get_by_role("button", name="Ungradable")).to_have_attribute("aria-pressed", "true")
        expect(readout(page, "zoom")).not_to_have_text("zoom 1.0×")
        zoom = readout(page, "zoom").text_content()
    finally:
        one.process.send_signal(signal.SIGKILL)
        one.process.wait(PATIENCE)
    assert [reading.image.name for reading in one.readings if reading.reader == "Finn"] == ["10_left.png"]
    again = start(folder, weights, "--data", folder / "plain", port=one.port)
    try:
        page.reload()
        shows(page, "10_right.png")
        expect(readout(page, "zoom")).to_have_text(zoom)
        page.keyboard.press("f")
        expect(page.get_by_text("Stored as reading")).to_be_visible(timeout=MILLISECONDS)
        page.close()
    finally:
        again.process.terminate()
        again.process.wait(PATIENCE)
    found = [(reading.image.name, reading.finding) for reading in again.readings if reading.reader == "Finn"]
    assert found == [("10_left.png", "refer"), ("10_right.png", "ungradable")]
