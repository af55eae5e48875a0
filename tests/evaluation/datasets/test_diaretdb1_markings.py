import math
import socket

import numpy as np
import pytest
from skimage.draw import polygon

from retina_xai.errors import InputError
from retina_xai.evaluation.datasets.diaretdb1_markings import (
    CircleRegion,
    EllipseRegion,
    Marking,
    PolygonRegion,
    confidence_map,
    read_markings,
)

SHAPE = (200, 300)


def draw(region, shape=SHAPE):
    mask = np.zeros(shape, dtype=bool)
    region.draw(mask)
    return mask


def test_area_and_extent_of_a_circle():
    mask = draw(CircleRegion((150, 100), 40))
    assert mask.sum() == pytest.approx(math.pi * 40**2, rel=0.01)
    rows, columns = np.nonzero(mask)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (60, 140, 110, 190)
    assert draw(CircleRegion((5, 5), 1)).sum() == 5
    assert draw(CircleRegion((5, 5), 0)).sum() == 1


def test_area_and_axes_of_an_ellipse():
    mask = draw(EllipseRegion((150, 100), (60, 20), 0))
    assert mask.sum() == pytest.approx(math.pi * 60 * 20, rel=0.01)
    rows, columns = np.nonzero(mask)
    assert (rows.max() - rows.min(), columns.max() - columns.min()) == (40, 120)


@pytest.mark.parametrize("angle", [0, 30, 45, 90, 131, 172])
def test_angles_turn_counter_clockwise_on_the_screen(angle):
    rows, columns = np.nonzero(draw(EllipseRegion((150, 100), (60, 20), angle)))
    # Principal axis with y pointing up, as the eye sees it.
    covariance = np.cov(columns - 150.0, 100.0 - rows)
    x, y = np.linalg.eigh(covariance)[1][:, -1]
    difference = (math.degrees(math.atan2(y, x)) - angle + 90) % 180 - 90
    assert abs(difference) < 1


def test_a_turned_ellipse_points_up_to_the_right():
    mask = draw(EllipseRegion((150, 100), (60, 10), 45))
    assert mask[70, 180]
    assert not mask[130, 180]


def test_a_polygon_holds_its_outline():
    mask = draw(PolygonRegion(((10, 20), (40, 20), (40, 60), (10, 60))))
    assert mask.sum() == 31 * 41
    triangle = draw(PolygonRegion(((50, 50), (150, 60), (90, 170))))
    inner = np.zeros(SHAPE, dtype=bool)
    inner[polygon([50, 60, 170], [50, 150, 90])] = True
    assert (inner & ~triangle).sum() == 0
    shoelace = abs(50 * (60 - 170) + 150 * (170 - 50) + 90 * (50 - 60)) / 2
    assert shoelace < triangle.sum() < shoelace + 2 * 250


def test_regions_are_cut_at_the_image():
    assert draw(CircleRegion((0, 0), 10))[:11, :11].sum() == draw(CircleRegion((0, 0), 10)).sum() > 0
    assert draw(PolygonRegion(((290, 190), (400, 190), (290, 300)))).any()


def test_all_regions_are_read_and_a_polygons_centroid_is_no_vertex(tmp_path, xml):
    ellipse = (
        '<ellipseregion><centroid><coords2d>50,60</coords2d></centroid><radius direction="x">20</radius>'
        '<radius direction="y">10</radius><angle>30</angle></ellipseregion>'
    )
    outline = (
        "<polygonregion><centroid><coords2d>200,150</coords2d></centroid><coords2d>10,10</coords2d>"
        "<coords2d>20,10</coords2d><coords2d>20,20</coords2d></polygonregion>"
    )
    path = tmp_path / "a_01.xml"
    path.write_text(
        xml["file"](
            xml["circle"](5, 6, 7, "Haemorrhages", "Low"),
            xml["region"](ellipse, "Hard_exudates", "Medium"),
            xml["region"](outline, "Red_small_dots"),
            *(xml["circle"](9, 9, 9, other) for other in ("Disc", "IRMA", "Neovascularisation", "Fundus_area")),
        )
    )
    assert list(read_markings(path).markings) == [
        Marking("haemorrhages", 1, CircleRegion((5, 6), 7)),
        Marking("hard_exudates", 2, EllipseRegion((50, 60), (20, 10), 30)),
        Marking("red_small_dots", 3, PolygonRegion(((10, 10), (20, 10), (20, 20)))),
    ]


def test_overlapping_regions_of_one_annotator_count_with_the_highest_confidence():
    high, low = CircleRegion((20, 20), 5), CircleRegion((24, 20), 5)
    markings = [Marking("haemorrhages", 3, high), Marking("haemorrhages", 1, low), Marking("soft_exudates", 2, low)]
    grey = confidence_map(markings, "haemorrhages", (50, 60))
    assert np.array_equal(grey == 3, draw(high, (50, 60)))
    assert np.array_equal(grey > 0, draw(high, (50, 60)) | draw(low, (50, 60)))
    assert not (grey == 2).any()


def test_nothing_is_fetched_for_a_doctype(tmp_path, xml, monkeypatch):
    def refuse(*_, **__):
        raise OSError("network touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    path = tmp_path / "a_01.xml"
    external = '<!DOCTYPE imgannotool SYSTEM "http://192.0.2.1/imgannotool_dataformat.dtd">'
    path.write_text(xml["file"](xml["circle"](5, 6, 7), doctype=external))
    assert len(read_markings(path).markings) == 1


CIRCLE = (
    '<circleregion><centroid><coords2d>{point}</coords2d></centroid><radius direction="x">{r}</radius></circleregion>'
)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (lambda x: x["file"](x["circle"](1, 1, 1))[:-30], "not readable as an annotation XML (unclosed token"),
        (lambda x: "", "not readable as an annotation XML (no element found"),
        (
            lambda x: x["file"](doctype='<!DOCTYPE a [<!ENTITY b "c">]>'),
            "not readable as an annotation XML (EntitiesForbidden",
        ),
        (
            lambda x: x["file"](x["region"]("<squareregion/>", "Haemorrhages")),
            "region 'squareregion', expected one of circleregion, ellipseregion, polygonregion; correct the file",
        ),
        (lambda x: x["file"](x["circle"](1, 1, 1, "Drusen")), "markingtype 'Drusen', expected one of Haemorrhages, "),
        (
            lambda x: x["file"](x["circle"](1, 1, 1, "Haemorrhages", "Sure")),
            "confidencelevel 'Sure', expected one of Low, Medium, High; correct the file",
        ),
        (lambda x: x["file"](x["region"]("", "Haemorrhages")), "a marking with 0 regions, expected one"),
        (
            lambda x: x["file"](x["region"](CIRCLE.format(point="1;2", r=1), "Haemorrhages")),
            "point '1;2', expected 'x,y'; restore the original file",
        ),
        (
            lambda x: x["file"](x["region"](CIRCLE.format(point="nan,2", r=1), "Haemorrhages")),
            "point 'nan,2', expected 'x,y'",
        ),
        (
            lambda x: x["file"](x["region"](CIRCLE.format(point="1,2", r=-4), "Haemorrhages")),
            "radius or angle '-4', expected a number",
        ),
        (
            lambda x: x["file"](x["region"]("<polygonregion><centroid/></polygonregion>", "Haemorrhages")),
            "a polygon without vertices",
        ),
        (
            lambda x: x["file"](
                x["region"](CIRCLE.format(point="1,2", r=1).replace("circle", "ellipse"), "Haemorrhages")
            ),
            "an ellipse without radii x and y",
        ),
    ],
)
def test_a_broken_file_is_named_in_one_line(tmp_path, xml, content, text):
    path = tmp_path / "photo_01_plain.xml"
    path.write_text(content(xml), encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_markings(path)
    message = str(error.value)
    assert message.startswith(f"{path}: {text}")
    assert "\n" not in message


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="annotation file is missing; complete the groundtruth folder"):
        read_markings(tmp_path / "none_01.xml")


def test_the_size_of_the_image_is_read_where_it_is_stated(tmp_path, xml):
    path = tmp_path / "a_01.xml"
    path.write_text(xml["file"](size=(750, 576)))
    assert read_markings(path).image_size == (750, 576)
    path.write_text(xml["file"](size=None))
    assert read_markings(path).image_size is None
    path.write_text(xml["file"](size=(0, 576)))
    with pytest.raises(InputError, match="image size '0' x '576', expected two whole numbers; restore the original"):
        read_markings(path)
