"""`evaluate` and `check-data`: every option reaches the result; and real photographs from end to end."""

import json

import pytest

from retina_xai.training.phantoms.datasets import PhantomSet, diaretdb1_train_numbers, write_diaretdb1

SMALL = PhantomSet(height=96, width=120)
COUNT = 10


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    """Ten annotated phantoms, three of them in the training list."""
    folder = tmp_path_factory.mktemp("phantoms")
    write_diaretdb1(folder, COUNT, 0, SMALL)
    return folder


def result_of(call, phantoms, weights, out, *options):
    method = ("--weights", weights, "--method", "saliency", "--out", out)
    code, _, err = call("evaluate", "diaretdb1", "--data", phantoms, *method, *options)
    assert (code, err) == (0, "")
    return json.loads((out / "result.json").read_text())


def test_the_split_decides_which_photographs_are_evaluated(call, phantoms, weights, tmp_path):
    train = {f"diaretdb1_image{number:03}" for number in diaretdb1_train_numbers(COUNT)}
    names = {}
    for options in (("--split", "train"), ()):
        result = result_of(call, phantoms, weights, tmp_path / f"out{len(options)}", *options)
        names[result["dataset"]["split"]] = {image["name"] for image in result["images"]}
        assert result["dataset"]["images"] == len(result["images"])
    assert names["train"] == train
    assert len(names["test"]) == COUNT - len(train)
    assert not names["train"] & names["test"], "the default is the test list"


def test_the_consensus_rule_decides_the_masks(call, phantoms, weights, tmp_path):
    pixels = {}
    for rule in ("votes", "graded"):
        result = result_of(call, phantoms, weights, tmp_path / rule, "--split", "train", "--consensus", rule)
        assert (result["consensus"]["rule"], result["settings"]["consensus"]) == (rule, rule)
        pixels[rule] = result["lesion_types"]["any"]["counts"]["pixels"]
    assert 0 < pixels["graded"] < pixels["votes"]


def test_check_data_counts_the_split_by_the_rule(call, phantoms):
    counts = {}
    for split, rule in (("all", None), ("train", "votes"), ("train", "graded")):
        options = ("--split", split, *(("--consensus", rule) if rule else ()))
        code, out, _ = call("check-data", phantoms, *options)
        size = COUNT if split == "all" else len(diaretdb1_train_numbers(COUNT))
        assert code == 0
        assert f"DiaretDB1 v2.1, {split}: {size} images, consensus: {rule or 'votes'}" in out
        (line,) = (line for line in out.splitlines() if line.split()[:1] == ["any"])
        counts[split, rule or "votes"] = int(line.split()[-1])
    assert counts["all", "votes"] > counts["train", "votes"] > counts["train", "graded"] > 0


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--split", "validation"), "split 'validation': expected one of train, test, all"),
        (("--consensus", "single"), "consensus 'single': expected one of votes, graded, two for DiaretDB1 v2.1"),
    ],
)
def test_other_splits_and_rules_are_refused(call, phantoms, weights, tmp_path, options, line):
    for head in (("evaluate", "diaretdb1", "--out", tmp_path / "out", "--weights", weights), ("check-data",)):
        code, _, err = call(*head, "--data", phantoms, *options)
        assert code == 2
        assert line in err


MEASURED = {
    "haemorrhages": {"lesions": 18, "lesions_hit": 10, "pixels": 27177, "pixels_found": 5678},
    "hard_exudates": {"lesions": 14, "lesions_hit": 9, "pixels": 38418, "pixels_found": 3162},
    "soft_exudates": {"lesions": 1, "lesions_hit": 1, "pixels": 1775, "pixels_found": 534},
    "red_small_dots": {"lesions": 11, "lesions_hit": 3, "pixels": 757, "pixels_found": 203},
}
"""Of images 1 and 3 of DiaretDB1 v2.1 by saliency with the weights of the package."""


@pytest.mark.slow
def test_figures_of_two_real_photographs(call, real_data, tmp_path):
    original = real_data / "diaretdb1" / "ddb1_v02_01"
    if not original.is_dir():
        pytest.skip(f"no DiaretDB1 at {original}")
    lines = (original / "ddb1_v02_01_train_plain.txt").read_text().splitlines()[:2]
    for name in " ".join(lines).split():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(original / name)
    (tmp_path / "ddb1_v02_01_train_plain.txt").write_text("\n".join(lines))
    out = tmp_path / "out"
    code, _, err = call(
        "evaluate", "diaretdb1", "--data", tmp_path, "--split", "train", "--method", "saliency", "--out", out
    )
    assert (code, err) == (0, "")
    result = json.loads((out / "result.json").read_text())
    assert [image["name"] for image in result["images"]] == ["diaretdb1_image001", "diaretdb1_image003"]
    assert [image["score"] for image in result["images"]] == pytest.approx([0.90422, 0.90329], abs=1e-3)
    prediction = result["prediction"]
    assert prediction["counts"]["field_pixels"] == pytest.approx(2850487, rel=1e-3)
    assert prediction["counts"]["predicted_pixels"] == pytest.approx(63089, rel=0.02)
    assert prediction["figures"]["false_positives_per_image"]["value"] == pytest.approx(322, rel=0.05)
    assert prediction["figures"]["area_fraction"]["chance"] == pytest.approx(0.0221, rel=0.02)
    for name, measured in MEASURED.items():
        counts = result["lesion_types"][name]["counts"]
        for key, tolerance in (
            ("lesions", 0),
            ("pixels", 0),
            ("lesions_hit", 1),
            ("pixels_found", 0.03 * counts["pixels"]),
        ):
            assert counts[key] == pytest.approx(measured[key], abs=tolerance), f"{name}: {key}"
    everything = result["lesion_types"]["any"]
    assert everything["average_precision"] == pytest.approx(0.1004, abs=0.005)
    assert everything["average_precision_of_chance"] == pytest.approx(68061 / 2850487, abs=1e-4)
    assert everything["figures"]["lesion"]["chance"] == pytest.approx(0.215, abs=0.05)
    assert everything["froc"]["mean"]["value"] == pytest.approx(0.047, abs=0.03)
