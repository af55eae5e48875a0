import base64
import json
import re
from dataclasses import asdict
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest
from PIL import Image

from retina_xai.evaluation.datasets.diaretdb1 import open_diaretdb1
from retina_xai.evaluation.lesions.report import PictureRow, caption, readable, table, write_page, write_result
from retina_xai.evaluation.lesions.sensitivity import Explained, SensitivitySettings, evaluate

SETTINGS = SensitivitySettings(chance_repetitions=4, resamples=50, method={"name": "<b>FGVis</b>", "lam": 1e-10})


@pytest.fixture
def summary(diaretdb1, tmp_path):
    def explain(photograph):
        evidence = np.zeros((90, 120), dtype=np.float32)
        evidence[37:44, 27:34] = 0.5
        evidence[10:20, 95:105] = 1.0
        return Explained(evidence, np.ones((90, 120), dtype=bool), 0.9)

    return evaluate(open_diaretdb1(diaretdb1).cases, explain, tmp_path / "out", SETTINGS)


def test_result_json_holds_counts_figures_and_null_for_undefined(summary, tmp_path):
    write_result(tmp_path / "result.json", summary, SETTINGS, {"dataset": {"split": "all"}})
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["schema_version"], result["dataset"]) == (1, {"split": "all"})
    assert result["consensus"]["rule"] == "votes"
    assert result["settings"]["chance_repetitions"] == 4
    assert set(result["versions"]) >= {"python", "torch", "monai"}
    haemorrhages = result["lesion_types"]["haemorrhages"]
    assert haemorrhages["counts"]["lesions_hit"] == 1
    assert haemorrhages["figures"]["lesion"]["value"] == 1
    assert set(haemorrhages["figures"]["lesion"]) == {"value", "interval", "chance", "chance_interval"}
    froc = haemorrhages["froc"]
    assert froc["sensitivity"][-1] == 1
    assert froc["mean"] == asdict(summary.types["haemorrhages"].froc.mean)
    assert [len(froc[key]) for key in ("sensitivity_at_rates", "chance_at_rates", "chance_intervals_at_rates")] == 3 * [
        7
    ]
    assert result["lesion_types"]["red_small_dots"]["froc"]["chance_at_rates"] == 7 * [None]
    assert result["lesion_types"]["red_small_dots"]["figures"]["image"]["value"] is None
    assert [image["name"] for image in result["images"]] == ["diaretdb1_image001", "diaretdb1_image002"]


def test_the_table_has_a_chance_row_below_each_explanation(summary):
    figures = table(summary)
    assert figures.index[:2].tolist() == [("haemorrhages", "explanation"), ("haemorrhages", "chance")]
    assert len(figures) == 10
    row = figures.loc[("haemorrhages", "explanation")]
    assert row["lesion level"] == 1
    assert row["images"] == 1
    assert row["false positives / image"] == 1.5
    chance = figures.loc[("haemorrhages", "chance")]
    assert chance["pixel level"] == summary.types["haemorrhages"].figures["pixel"].chance
    froc = summary.types["haemorrhages"].froc.mean
    assert (row["FROC"], row["FROC low"], row["FROC high"]) == (froc.value, froc.interval.low, froc.interval.high)
    assert (chance["FROC"], chance["FROC high"]) == (froc.chance, froc.chance_interval.high)


def test_numbers_are_readable_and_undefined_is_nan(summary):
    text = readable(table(summary))
    assert text.loc[("haemorrhages", "explanation"), "image level"] == "100.0 % (20.7-100.0)"
    assert text.loc[("red small dots", "explanation"), "lesion level"] == "NaN"
    # The lesion's blob is weaker than the two false ones, one per photograph.
    assert text.loc[("haemorrhages", "explanation"), "FROC"] == "0.429 (0.429-0.571)"
    assert text.loc[("haemorrhages", "chance"), "FROC"] == "0.000 (0.000-0.000)"
    assert text.loc[("red small dots", "chance"), "FROC"] == "NaN"
    assert text.loc[("any", "explanation"), "area"] == "1.38 %"


def test_the_caption_names_the_rule_and_every_column(summary):
    text = caption(summary, SETTINGS)
    assert "consensus 'votes': a pixel is a lesion where at least 3 of 4 annotators marked it" in text
    assert "left out of its row (haemorrhages 1, hard exudates 2, soft exudates 1, red small dots 2)" in text
    for column in readable(table(summary)).columns:
        name = column.removeprefix("lesion level, ")
        assert f"{name}:" in text or f"{name}," in text, column


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def test_the_page_needs_no_other_file_and_escapes_names(summary, tmp_path):
    pixels = np.zeros((300, 960, 3), dtype=np.uint8)
    pixels[..., 0] = 200
    Image.fromarray(pixels).save(tmp_path / "a.png")
    row = PictureRow("<script>alert(1)</script>.png", [("photograph", tmp_path / "a.png"), ("<i>markings", pixels)])
    write_page(tmp_path / "report.html", summary, SETTINGS, [row])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(page)
    names = {tag for tag, _ in tags.found}
    assert not names & {"script", "link", "iframe", "b", "i"}
    sources = [attributes["src"] for tag, attributes in tags.found if tag == "img"]
    assert len(sources) == 3
    assert all(source.startswith(("data:image/png;base64,", "data:image/jpeg;base64,")) for source in sources)
    assert not re.search(r"(src|href)=['\"](?!data:)", page)
    decoded = cv2.imdecode(np.frombuffer(base64.b64decode(sources[1].split(",")[1]), np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == (150, 480, 3)
    assert decoded[0, 0].tolist() == [0, 0, 200]  # red stays red
    assert page.count("<tr") == 12
    assert "at least 3 of 4 annotators" in page


def test_a_page_without_pictures_has_no_heading_for_them(summary, tmp_path):
    write_page(tmp_path / "report.html", summary, SETTINGS)
    assert "Photographs</h2>" not in (tmp_path / "report.html").read_text(encoding="utf-8")
