"""Localization of drawn objects whose boxes are known, by a network that sees nothing but them."""

import pytest
from helpers.red_squares import BOXES, draw_squares, red_network, write_csv_boxes, write_voc_boxes

from retina_xai.errors import InputError, UsageError
from retina_xai.evaluation.comparison.experiment import Comparison
from retina_xai.evaluation.experiments.base import Subject, run_experiment
from retina_xai.evaluation.experiments.box_localization import RULES, WHOLE, BoxLocalization


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("squares")
    write_csv_boxes(folder / "boxes.csv")
    return folder, Subject((red_network(),), draw_squares(folder / "in", BOXES))


@pytest.fixture(scope="module")
def figures(place):
    folder, subject = place
    experiment = BoxLocalization(boxes=str(folder / "boxes.csv"), iterations=20)
    return run_experiment(experiment, subject, folder / "out").findings.figures


def test_the_objects_are_found_and_chance_does_not_find_them(figures):
    for method in ("saliency", "grad-cam", "fgvis"):
        assert figures[f"{method}.pointing"] == 1.0
    assert figures["grad-cam.box"] == figures["grad-cam.top1"] == figures["grad-cam.top5"] == 0.0
    assert figures["random.box"] == figures[f"{WHOLE}.box"] == 1.0
    assert figures["fgvis.box"] == 0.0


def test_top_1_counts_the_class_and_top_5_only_that_it_is_among_five():
    experiment = BoxLocalization(boxes="x")
    records = [
        {"rank": rank, "area": 0.2, "methods": {key: {"iou": iou, "hit": None} for key in (*RULES, WHOLE)}}
        for rank, iou in [(1, 0.5), (1, 0.4), (3, 0.9), (None, 0.9)]
    ]
    found = experiment.summarise(Subject((red_network(),)), records).figures
    assert (found["saliency.top1"], found["saliency.top5"], found["saliency.box"]) == (0.75, 0.5, 0.25)


def test_xml_files_with_labels_of_a_list_give_the_same(place, figures, tmp_path):
    _, subject = place
    (tmp_path / "synsets.txt").write_text("n01 nothing\nn02 square\n")
    boxes = [type(box)(box.left, box.top, box.right, box.bottom, "n02") for box in BOXES]
    folder = write_voc_boxes(tmp_path / "voc", boxes)
    experiment = BoxLocalization(str(folder), str(tmp_path / "synsets.txt"), iterations=20)
    case = subject.photographs()[0]
    measured = experiment.measure(subject, case).record
    assert (measured["class"], measured["rank"]) == ("square", 1)
    assert measured["methods"]["grad-cam"]["iou"] > 0.5
    with pytest.raises(InputError, match="unknown class 'n02'"):
        BoxLocalization(str(folder)).measure(subject, case)


def test_without_boxes_it_says_how_to_give_them(place):
    with pytest.raises(UsageError, match="no boxes: give a CSV file or a folder of Pascal VOC XML files with --set"):
        BoxLocalization().settings()


def test_a_comparison_with_boxes_measures_localisation(place, tmp_path):
    folder, subject = place
    comparison = Comparison(("saliency", "grad-cam"), ("localisation",), boxes=str(folder / "boxes.csv"), shown=0)
    assert comparison.metrics == ("pointing", "mass", "rank")
    records = [comparison.measure(subject, case).record for case in comparison.cases(subject)]
    values = {key: [one["values"] for one in records if one["method"] == key] for key in comparison.methods}
    assert all(one["pointing"] == 1.0 and one["mass"] > 0.8 for one in values["grad-cam"])
    assert all(one["pointing"] == 1.0 and one["rank"] > 0.8 for one in values["saliency"])
    assert all(one["mass"] < 0.4 for one in values["random"])
    assert "boxes" in comparison.settings()
    with pytest.raises(UsageError, match="metric 'localisation' needs the objects: give them with --boxes"):
        Comparison(metrics=("localisation",))
