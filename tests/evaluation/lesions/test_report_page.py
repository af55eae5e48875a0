import base64
import re
from dataclasses import replace
from html.parser import HTMLParser

import cv2
import numpy as np
from PIL import Image

from retina_xai.evaluation.lesions.report_page import PictureRow, write_page


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def test_the_page_needs_no_other_file_and_escapes_names(report, tmp_path):
    pixels = np.zeros((300, 960, 3), dtype=np.uint8)
    pixels[..., 0] = 200
    Image.fromarray(pixels).save(tmp_path / "a.png")
    row = PictureRow("<script>alert(1)</script>.png", [("photograph", tmp_path / "a.png"), ("<i>markings", pixels)])
    evil = replace(report, dataset=replace(report.dataset, title="<u>DiaretDB1</u>"))
    write_page(tmp_path / "report.html", evil, [row])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(page)
    names = {tag for tag, _ in tags.found}
    assert not names & {"script", "link", "iframe", "b", "i", "u"}
    sources = [attributes["src"] for tag, attributes in tags.found if tag == "img"]
    assert len(sources) == 3
    assert all(source.startswith(("data:image/png;base64,", "data:image/jpeg;base64,")) for source in sources)
    assert not re.search(r"(src|href)=['\"](?!data:)", page)
    decoded = cv2.imdecode(np.frombuffer(base64.b64decode(sources[1].split(",")[1]), np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == (150, 480, 3)
    assert decoded[0, 0].tolist() == [0, 0, 200]  # red stays red
    assert page.count("<tr") == 11
    assert "100.0 % (20.7-100.0)</td>" in page
    assert "at least 3 of 4 annotators" in page


def test_a_page_without_pictures_has_no_heading_for_them(report, tmp_path):
    write_page(tmp_path / "report.html", report)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Photographs</h2>" not in page
    assert "<title>Lesion sensitivity on DiaretDB1 v2.1</title>" in page
