import json
import math
from dataclasses import replace

import numpy as np
import pytest

from retina_xai.errors import BatchError, InputError, UsageError
from retina_xai.evaluation.datasets.base import CaseTruth
from retina_xai.evaluation.datasets.diaretdb1 import open_diaretdb1
from retina_xai.evaluation.lesions import sensitivity
from retina_xai.evaluation.lesions.report import LesionReport, result_of
from retina_xai.evaluation.lesions.sensitivity import (
    Explained,
    SensitivitySettings,
    Watch,
    evaluate,
    load_image_result,
    measure_image,
)
from retina_xai.evaluation.lesions.summary import Statistics, summarise
from retina_xai.io.files import sha256_of
from retina_xai.io.images import Photograph, write_png
from retina_xai.lesions.candidates import binarise, label_regions
from retina_xai.metrics.intervals import Interval

SETTINGS = SensitivitySettings("votes", chance_repetitions=5, resamples=50)
WHOLE = np.ones((90, 120), dtype=bool)


def explain(photograph):
    """Evidence on the haemorrhage at (30, 40) and at a place where nothing is, at (100, 15)."""
    evidence = np.zeros(photograph.pixels.shape[:2], dtype=np.float32)
    evidence[37:44, 27:34] = 0.5
    evidence[10:20, 95:105] = 1.0
    return Explained(evidence, WHOLE, 0.9)


def result_text(summary, dataset):
    return json.dumps(result_of(LesionReport(dataset, SETTINGS, summary)))


def photograph_and_truth(**masks):
    pixels = np.zeros((90, 120, 3), dtype=np.uint8)
    empty = {name: np.zeros((90, 120), dtype=bool) for name in ("haemorrhages", "hard_exudates")}
    return Photograph(pixels, "p.png", "ab" * 32, {}), CaseTruth("p", {**empty, **masks}, "votes")


def test_figures_of_two_photographs(diaretdb1, tmp_path):
    summary = evaluate(open_diaretdb1(diaretdb1).cases, explain, tmp_path / "out", SETTINGS)
    haemorrhages, soft = summary.types["haemorrhages"], summary.types["soft_exudates"]
    assert (haemorrhages.counts.images, haemorrhages.counts.images_without) == (1, 1)
    assert haemorrhages.figures["image"].value == 1
    assert haemorrhages.figures["lesion"].value == 1
    assert haemorrhages.figures["pixel"].value == 49 / haemorrhages.counts.pixels
    assert soft.figures["lesion"].value == 0
    assert math.isnan(summary.types["red_small_dots"].figures["image"].value)
    # Two blobs an image: one on the lesion of the first, all others on nothing.
    assert summary.figures["false_positives_per_image"].value == 1.5
    assert summary.figures["area_fraction"].value == (49 + 100) / (90 * 120)
    assert summary.figures["area_fraction"].chance == summary.figures["area_fraction"].value
    assert list(summary.types) == ["haemorrhages", "hard_exudates", "soft_exudates", "red_small_dots", "any"]


def test_an_interrupted_run_resumes_and_equals_an_uninterrupted_one(diaretdb1, tmp_path):
    dataset = open_diaretdb1(diaretdb1)
    cases = dataset.cases
    explained = []

    def counted(photograph):
        explained.append(photograph.name)
        return explain(photograph)

    def interrupted(photograph):
        if photograph.name.endswith("002.png"):
            raise KeyboardInterrupt
        return counted(photograph)

    with pytest.raises(KeyboardInterrupt):
        evaluate(cases, interrupted, tmp_path / "a", SETTINGS)
    resumed = evaluate(cases, counted, tmp_path / "a", SETTINGS)
    assert explained == ["diaretdb1_image001.png", "diaretdb1_image002.png"]
    whole = evaluate(cases, explain, tmp_path / "b", SETTINGS)
    assert result_text(resumed, dataset) == result_text(whole, dataset)
    assert not list((tmp_path / "a").rglob(".partial-*"))


def test_damaged_records_and_changed_annotations_are_computed_again(diaretdb1, tmp_path):
    dataset = open_diaretdb1(diaretdb1)
    cases = dataset.cases
    explained = []

    def counted(photograph):
        explained.append(photograph.name)
        return explain(photograph)

    out = tmp_path / "out"
    before = evaluate(cases, counted, out, SETTINGS)
    first = next((out / "images").glob("diaretdb1_image001-*.npz"))
    first.write_bytes(first.read_bytes()[:500])
    assert load_image_result(first) is None
    assert result_text(evaluate(cases, counted, out, SETTINGS), dataset) == result_text(before, dataset)
    path = cases[1].annotations[0]
    path.write_text(path.read_text().replace("<markinglist>", "<markinglist> "))
    evaluate(cases, counted, out, SETTINGS)
    assert [name[-7:-4] for name in explained] == ["001", "002", "001", "002"]
    write_png(cases[0].image, np.zeros((90, 120, 3), np.uint8))
    evaluate(cases, counted, out, SETTINGS)
    assert [name[-7:-4] for name in explained[4:]] == ["001"]


@pytest.mark.parametrize(
    ("changed", "settings"),
    [
        ("method", replace(SETTINGS, method={"name": "retina", "settings": {"iterations": 81}})),
        ("fraction", replace(SETTINGS, fraction=0.07)),
        ("chance_repetitions", replace(SETTINGS, chance_repetitions=6)),
    ],
)
def test_each_setting_belongs_to_the_record_of_an_image(diaretdb1, tmp_path, changed, settings):
    cases, out = open_diaretdb1(diaretdb1).cases, tmp_path / "out"
    evaluate(cases, explain, out, SETTINGS)
    with pytest.raises(UsageError, match=rf"made with other settings \({changed}\)"):
        evaluate(cases, explain, out, settings)
    (out / "settings.json").unlink()
    evaluate(cases, explain, out, settings)
    assert len(list((out / "images").iterdir())) == 4, "records of both settings, under names of their own"


def test_each_photograph_is_hashed_once(diaretdb1, tmp_path, monkeypatch):
    hashed = []
    for module in ("evaluation.lesions.sensitivity", "io.images"):
        monkeypatch.setattr(f"retina_xai.{module}.sha256_of", lambda path: hashed.append(path) or sha256_of(path))
    cases = open_diaretdb1(diaretdb1).cases
    summary = evaluate(cases, explain, tmp_path / "out", SETTINGS)
    assert hashed == [case.image for case in cases]
    assert [image.sha256 for image in summary.images] == [sha256_of(case.image) for case in cases]


def test_a_case_that_fails_leaves_no_figures_and_the_others_are_kept(diaretdb1, tmp_path):
    dataset, out, seen = open_diaretdb1(diaretdb1), tmp_path / "out", []
    cases = dataset.cases
    content = cases[0].image.read_bytes()
    cases[0].image.write_bytes(b"no image")
    with pytest.raises(BatchError, match=r"1 of 2 photographs failed \(diaretdb1_image001\); the others are done"):
        evaluate(cases, explain, out, SETTINGS, Watch(seen.append))
    assert "is text, not an image" in str(seen[0].error)
    with pytest.raises(InputError, match="is text, not an image"):
        evaluate(cases[:1], explain, tmp_path / "alone", SETTINGS)
    cases[0].image.write_bytes(content)
    resumed = evaluate(cases, explain, out, SETTINGS, Watch(seen.append))
    assert [one.seconds is None for one in seen[2:]] == [False, True]
    whole = evaluate(cases, explain, tmp_path / "whole", SETTINGS)
    assert result_text(resumed, dataset) == result_text(whole, dataset)


def test_missing_annotations_are_the_failure_of_their_case(diaretdb1, tmp_path):
    cases, seen = open_diaretdb1(diaretdb1).cases, []
    cases[0].annotations[0].unlink()
    with pytest.raises(BatchError, match=r"1 of 2 photographs failed \(diaretdb1_image001\); the others are done"):
        evaluate(cases, explain, tmp_path / "out", SETTINGS, Watch(seen.append))
    assert cases[0].annotations[0].name in str(seen[0].error)
    assert seen[1].result.name == "diaretdb1_image002"


def test_a_changed_photograph_is_computed_again(diaretdb1, tmp_path):
    cases = open_diaretdb1(diaretdb1).cases
    explained = []

    def counted(photograph):
        explained.append(photograph.sha256)
        return explain(photograph)

    before = evaluate(cases, counted, tmp_path / "out", SETTINGS)
    write_png(cases[0].image, 255 - cases[0].photograph().pixels)
    after = evaluate(cases, counted, tmp_path / "out", SETTINGS)
    changed = sha256_of(cases[0].image)
    assert explained == [image.sha256 for image in before.images] + [changed]
    assert [image.sha256 for image in after.images] == [changed, before.images[1].sha256]
    assert after.images[0].chance != before.images[0].chance, "its random numbers follow from its content"


def test_other_settings_are_refused_in_the_same_folder(diaretdb1, tmp_path):
    cases, out = open_diaretdb1(diaretdb1).cases, tmp_path / "out"
    evaluate(cases, explain, out, SETTINGS)
    with pytest.raises(UsageError) as error:
        evaluate(cases, explain, out, replace(SETTINGS, method={"lam": 1e-9}, seed=4))
    assert str(error.value) == (
        f"{out / 'settings.json'}: this folder was made with other settings (method, seed); "
        "choose another output folder"
    )


def test_the_figures_are_computed_with_the_settings(diaretdb1, tmp_path, monkeypatch):
    used = []
    monkeypatch.setattr(sensitivity, "summarise", lambda results, statistics: used.append((len(results), statistics)))
    settings = replace(SETTINGS, resamples=60, seed=3, level=0.8)
    evaluate(open_diaretdb1(diaretdb1).cases, explain, tmp_path / "out", settings)
    assert used == [(2, Statistics(60, 3, 0.8))]


def test_who_watches_sees_each_image_and_only_new_ones(diaretdb1, tmp_path):
    cases, seen, done = open_diaretdb1(diaretdb1).cases, [], []
    watch = Watch(
        on_item=lambda outcome: done.append((outcome.item.name, outcome.result.name, outcome.seconds is None)),
        observe=lambda photograph, truth, explained: seen.append((photograph.name, truth.name, explained.score)),
    )
    for _ in range(2):
        evaluate(cases, explain, tmp_path / "out", SETTINGS, watch)
    names = ("diaretdb1_image001", "diaretdb1_image002")
    assert done == [(name, name, before) for before in (False, True) for name in names]
    assert seen == [(f"diaretdb1_image00{n}.png", f"diaretdb1_image00{n}", 0.9) for n in (1, 2)]


def test_a_mask_of_everything_is_no_better_than_chance(diaretdb1, tmp_path):
    everything = lambda photograph: Explained(np.ones((90, 120), np.float32), WHOLE, 1.0)  # noqa: E731
    summary = evaluate(open_diaretdb1(diaretdb1).cases, everything, tmp_path / "out", SETTINGS)
    for name in ("image", "lesion", "pixel"):
        figure = summary.types["any"].figures[name]
        assert (figure.value, figure.chance) == (1, 1)
    assert summary.types["any"].average_precision == pytest.approx(summary.types["any"].prevalence)
    # It is one detection in each photograph, and its place, the first pixel, lies in no lesion.
    froc = summary.types["any"].froc
    assert froc.at_rates == 7 * (0,)
    assert summary.types["any"].counts.lesions > 0


def froc_of(lesions, evidence):
    photograph, truth = photograph_and_truth(haemorrhages=lesions)
    result = measure_image(photograph, truth, Explained(evidence.astype(np.float32), WHOLE, 0.8), SETTINGS)
    return summarise([result], Statistics(50)).types["haemorrhages"].froc.mean


def test_a_perfect_detector_of_tiny_lesions_is_far_above_chance():
    lesions = np.zeros((90, 120), dtype=bool)
    lesions[10:90:20, 10:120:20] = True
    mean = froc_of(lesions, lesions)
    assert mean.value == 1
    assert mean.chance < 0.05
    assert mean.interval == Interval(1, 1)


def test_a_huge_blob_is_one_detection_and_finds_one_lesion():
    lesions = np.zeros((90, 120), dtype=bool)
    lesions[10:90:20, 10:120:20] = True
    evidence = np.zeros((90, 120))
    evidence[:, :100] = 0.5
    evidence[10, 10] = 1
    assert froc_of(lesions, evidence).value == pytest.approx(1 / 24)
    # The same paint with its maximum beside all lesions finds none of them.
    assert froc_of(lesions, np.roll(evidence, 3, axis=1)).value == 0


def test_the_end_of_the_froc_curve_counts_every_peak(diaretdb1, tmp_path):
    dataset = open_diaretdb1(diaretdb1)
    summary = evaluate(dataset.cases, explain, tmp_path / "out", SETTINGS)
    curve = summary.types["any"].froc.curve
    false, found, regions = 0, 0, 0
    for case in dataset.cases:
        photograph = case.photograph()
        truth = np.logical_or.reduce(list(case.truth("votes", photograph.pixels.shape[:2]).masks.values()))
        explained = explain(photograph)
        mask = binarise(explained.evidence) & explained.field_of_view
        blobs, annotated = label_regions(mask).labels, label_regions(truth)
        hit = set()
        for number in range(1, blobs.max() + 1):
            inside = np.where(blobs == number, explained.evidence, -1)
            label = annotated.labels.ravel()[inside.argmax()]
            hit |= {label} - {0}
            false += label == 0
        found, regions = found + len(hit), regions + annotated.count
    assert 0 < found < regions
    assert curve.sensitivity[-1] == found / regions
    assert curve.false_positives_per_image[-1] == false / len(dataset)


def test_scores_that_tell_lesions_from_none(diaretdb1, tmp_path):
    summary = evaluate(open_diaretdb1(diaretdb1).cases, explain, tmp_path / "out", SETTINGS)
    with_lesion = [image.score for image in summary.images if image.types["any"].images]
    without = [image.score for image in summary.images if not image.types["any"].images]
    wins = [(high > low) + 0.5 * (high == low) for high in with_lesion for low in without]
    one = summary.separation
    assert (one.present, one.absent) == (len(with_lesion), len(without))
    assert one.auroc == pytest.approx(np.mean(wins)) if wins else np.isnan(one.auroc)


def test_evidence_outside_of_the_field_is_not_judged_but_counted():
    lesion = np.zeros((90, 120), dtype=bool)
    lesion[10:20, 50:70] = True
    photograph, truth = photograph_and_truth(haemorrhages=lesion)
    field = WHOLE.copy()
    field[:, 60:] = False
    explained = Explained(lesion.astype(np.float32), field, 0.8)
    result = measure_image(photograph, truth, explained, SETTINGS)
    assert result.outside_pixels == 100
    assert result.types["haemorrhages"].pixels_found == 100
    assert result.types["haemorrhages"].pixels == 200
    assert result.prediction.field_pixels == 90 * 60


def test_chance_blobs_stay_in_the_field_of_view():
    field = np.zeros((90, 120), dtype=bool)
    field[30:60, 40:80] = True
    photograph, truth = photograph_and_truth(haemorrhages=~field)
    evidence = np.zeros((90, 120), dtype=np.float32)
    evidence[31:59:4, 41:79:4] = 1
    result = measure_image(photograph, truth, Explained(evidence, field, 0.8), SETTINGS)
    assert len(result.chance["haemorrhages"]) == SETTINGS.chance_repetitions
    for counts, prediction in zip(result.chance["haemorrhages"], result.chance_prediction, strict=True):
        assert counts.pixels_found == 0, "every annotated pixel lies outside of the field of view"
        assert (prediction.predicted_pixels, prediction.field_pixels) == (70, 1200)
    assert not any(scores.any() for scores in result.chance_lesion_scores["haemorrhages"])
    assert result.chance_false.all()


def test_the_candidate_threshold_decides_what_is_predicted():
    photograph, truth = photograph_and_truth()
    evidence = np.zeros((90, 120), dtype=np.float32)
    evidence[5, 5], evidence[20, 20], evidence[40, 40], evidence[60, 60] = 1, 0.3, 0.05, 0.02
    explained = Explained(evidence, WHOLE, 0.8)
    blobs = {
        (fraction, floor): measure_image(
            photograph, truth, explained, replace(SETTINGS, fraction=fraction, floor=floor)
        ).prediction.blobs
        for fraction, floor in ((0.04, 0.01), (0.3, 0.01), (0.31, 0.01), (0.01, 0.01), (0.04, 0.1))
    }
    assert list(blobs.values()) == [3, 2, 1, 4, 2]


def test_no_evidence_is_no_prediction():
    photograph, truth = photograph_and_truth(haemorrhages=WHOLE)
    result = measure_image(photograph, truth, Explained(np.zeros((90, 120), np.float32), WHOLE, 0.01), SETTINGS)
    assert (result.prediction.blobs, result.types["haemorrhages"].lesions_hit) == (0, 0)


def test_arrays_of_another_shape_are_refused():
    photograph, truth = photograph_and_truth()
    with pytest.raises(UsageError) as error:
        measure_image(photograph, truth, Explained(np.zeros((448, 448), np.float32), WHOLE, 0.5), SETTINGS)
    assert str(error.value) == (
        "p.png: evidence of shape (448, 448), expected (90, 120) as its pixels; map it to the file"
    )


def test_senseless_settings_and_no_cases_are_refused(tmp_path):
    with pytest.raises(UsageError, match="chance_repetitions 0, resamples 2000"):
        SensitivitySettings("votes", chance_repetitions=0)
    with pytest.raises(InputError, match="no photographs to evaluate"):
        evaluate([], explain, tmp_path, SETTINGS)
