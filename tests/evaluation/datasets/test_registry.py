"""What every entry of the registry keeps, tried on one small example of each."""

import numpy as np
import pytest
from PIL import Image

from retina_xai.errors import InputError, UsageError
from retina_xai.evaluation.datasets.registry import DATASETS, dataset_in, detect_dataset

SHAPE = (90, 120)


@pytest.fixture
def masks_folder(tmp_path):
    folder = tmp_path / "masked"
    for place, pixels in (("images", np.full((*SHAPE, 3), 50, np.uint8)), ("EX", np.ones(SHAPE, np.uint8))):
        (folder / place).mkdir(parents=True)
        Image.fromarray(pixels).save(folder / place / "a.png")
    return folder


@pytest.fixture(params=list(DATASETS))
def example(request):
    """A specification and a folder that holds such a data set."""
    return DATASETS[request.param], request.getfixturevalue(request.param.replace("-", "_"))


def test_keys_are_those_of_the_specifications_and_the_default_split_exists():
    for key, spec in DATASETS.items():
        assert key == spec.key
        assert spec.default_split in spec.splits
        assert "all" in spec.splits


def test_an_example_is_detected_as_what_it_is_and_opens(example):
    spec, folder = example
    assert detect_dataset(folder) is spec
    assert dataset_in(folder) is spec
    dataset = spec.open(folder, "all")
    assert dataset.spec is spec
    assert len(dataset) == len(list(dataset)) > 0
    assert dataset.facts()["images"] == len(dataset)
    names = [case.name for case in dataset]
    assert names == sorted(set(names))


def test_every_rule_gives_a_mask_for_every_type_and_the_first_is_the_default(example):
    spec, folder = example
    dataset = spec.open(folder, "all")
    assert set(dataset.consensus_rules.items()) <= set(spec.consensus_rules.items())
    for case in dataset:
        for rule in dataset.consensus_rules:
            truth = case.truth(rule, SHAPE)
            assert (truth.name, truth.consensus) == (case.name, rule)
            assert tuple(truth.masks) == dataset.lesion_types
            assert all(mask.shape == SHAPE and mask.dtype == bool for mask in truth.masks.values())
        assert case.truth(None, SHAPE).consensus == next(iter(dataset.consensus_rules)) == dataset.consensus()


def test_unknown_rules_and_splits_are_refused(example):
    spec, folder = example
    dataset = spec.open(folder, "all")
    with pytest.raises(UsageError, match="consensus 'majority': expected one of"):
        dataset.consensus("majority")
    with pytest.raises(UsageError, match="consensus 'majority': expected one of"):
        dataset.cases[0].truth("majority", SHAPE)
    with pytest.raises(UsageError, match="split 'majority': expected one of"):
        spec.open(folder, "majority")


def test_a_folder_without_a_data_set(tmp_path):
    assert detect_dataset(tmp_path) is None
    assert detect_dataset(tmp_path / "none") is None
    with pytest.raises(
        InputError, match=r"no data set found; expected one of: DiaretDB1 \(.*\); photographs with folders"
    ):
        dataset_in(tmp_path)
    with pytest.raises(InputError, match="none: no such folder; check the path"):
        dataset_in(tmp_path / "none")
