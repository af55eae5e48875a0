"""Folders of photographs and masks, in the three ways that public data sets name them."""

import numpy as np
import pytest
from PIL import Image

from retina_xai.errors import InputError, UsageError
from retina_xai.evaluation.datasets.counts import count_lesions
from retina_xai.evaluation.datasets.masks_folder import is_masks_folder, open_masks_folder

SHAPE = (90, 120)


def photograph(path, shape=SHAPE):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*shape, 3), 60, np.uint8)).save(path)


def mask(path, rows=slice(0, 0), value=255, shape=SHAPE):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros(shape, np.uint8)
    pixels[rows, 10:20] = value
    Image.fromarray(pixels).save(path)


@pytest.fixture
def idrid(tmp_path):
    """The official names of the segmentation part of IDRiD."""
    folder = tmp_path / "A. Segmentation"
    truth = folder / "2. All Segmentation Groundtruths"
    for part, numbers in (("a. Training Set", ("01", "02")), ("b. Testing Set", ("55",))):
        for number in numbers:
            photograph(folder / "1. Original Images" / part / f"IDRiD_{number}.jpg")
            mask(truth / part / "1. Microaneurysms" / f"IDRiD_{number}_MA.tif", slice(4, 6), value=76)
            mask(truth / part / "5. Optic Disc" / f"IDRiD_{number}_OD.tif", slice(50, 80))
    train = truth / "a. Training Set"
    mask(train / "2. Haemorrhages" / "IDRiD_01_HE.tif", slice(20, 30))
    mask(train / "3. Hard Exudates" / "IDRiD_02_EX.tif", slice(40, 41), value=1)
    mask(train / "4. Soft Exudates" / "IDRiD_02_SE.tif")
    return folder


@pytest.fixture
def e_ophtha(tmp_path):
    """The folder MA holds photographs here, and Annotation_MA the masks."""
    folder = tmp_path / "e_optha_MA"
    photograph(folder / "MA" / "E0000404" / "C0000887.jpg")
    photograph(folder / "healthy" / "E0000043" / "C0000061.JPG")
    mask(folder / "Annotation_MA" / "E0000404" / "C0000887.png", slice(3, 5))
    return folder


@pytest.fixture
def ddr(tmp_path):
    folder = tmp_path / "lesion_segmentation"
    for part, masks, stem in (("train", "label", "007-1774-100"), ("valid", "segmentation label", "007-2844-100")):
        photograph(folder / part / "image" / f"{stem}.jpg")
        for kind in ("EX", "HE", "MA", "SE"):
            mask(folder / part / masks / kind / f"{stem}.tif", slice(7, 8) if kind == "HE" else slice(0, 0))
    return folder


def test_the_official_names_of_idrid(idrid):
    dataset = open_masks_folder(idrid)
    assert dataset.lesion_types == ("microaneurysms", "haemorrhages", "hard_exudates", "soft_exudates")
    assert [case.name for case in dataset] == ["IDRiD_01", "IDRiD_02", "IDRiD_55"]
    table = count_lesions(dataset)
    assert table.loc["microaneurysms"].tolist() == [3, 3, 60]
    assert table.loc["haemorrhages"].tolist() == [1, 1, 100]
    assert table.loc["hard_exudates"].tolist() == [1, 1, 10]  # 1 is above 0
    assert table.loc["soft_exudates"].tolist() == [0, 0, 0]
    assert table.loc["any"].tolist() == [3, 5, 170]  # without the optic disc
    assert (dataset.label, dataset.consensus()) == ("A. Segmentation (masks)", "single")


def test_the_splits_of_idrid_and_its_parent_folder(idrid):
    assert [case.name for case in open_masks_folder(idrid, "train")] == ["IDRiD_01", "IDRiD_02"]
    assert [case.name for case in open_masks_folder(idrid.parent, "test")] == ["IDRiD_55"]
    with pytest.raises(InputError, match="no photographs of the split 'valid'"):
        open_masks_folder(idrid, "valid")
    with pytest.raises(UsageError, match="split 'b': expected one of all, train, valid, test"):
        open_masks_folder(idrid, "b")


def test_e_ophtha_has_photographs_in_a_folder_named_by_the_type(e_ophtha):
    dataset = open_masks_folder(e_ophtha)
    assert [case.name for case in dataset] == ["C0000061", "C0000887"]
    assert count_lesions(dataset).loc["microaneurysms"].tolist() == [1, 1, 20]


def test_ddr_has_splits_and_short_names(ddr):
    dataset = open_masks_folder(ddr)
    assert dataset.lesion_types == ("microaneurysms", "haemorrhages", "hard_exudates", "soft_exudates")
    assert count_lesions(dataset).loc["any"].tolist() == [2, 2, 20]
    assert [case.name for case in open_masks_folder(ddr, "valid")] == ["007-2844-100"]


@pytest.mark.parametrize(
    ("folder", "lesion_type"),
    [
        ("red_small_dots", "red_small_dots"),
        ("Hemorrhages", "haemorrhages"),
        ("HardExudate_Masks", "hard_exudates"),
        ("2) cotton-wool spots", "soft_exudates"),
        ("IRMA", "irma"),
        ("masks/NV", "neovascularisation"),
    ],
)
@pytest.mark.parametrize("ending", ["", "_mask", "-{type}"])
def test_folders_and_files_of_other_names(tmp_path, folder, lesion_type, ending):
    photograph(tmp_path / "images" / "a_1.png")
    photograph(tmp_path / "images" / "a.png")
    mask(tmp_path / folder / f"a_1{ending.format(type=lesion_type)}.png", slice(0, 1))
    dataset = open_masks_folder(tmp_path)
    assert dataset.lesion_types == (lesion_type,)
    found = {case.name: int(case.truth(None, SHAPE).masks[lesion_type].sum()) for case in dataset}
    assert found == {"a": 0, "a_1": 10}


def test_masks_of_other_things_are_not_photographs(tmp_path):
    photograph(tmp_path / "a.png")
    mask(tmp_path / "MA" / "a_MA.png", slice(0, 1))
    mask(tmp_path / "5. Optic Disc" / "a_OD.png")
    mask(tmp_path / "masks" / "a_field.png")
    assert [case.name for case in open_masks_folder(tmp_path)] == ["a"]


def test_a_mask_of_another_size_names_both_files(idrid):
    path = idrid / "2. All Segmentation Groundtruths" / "a. Training Set" / "2. Haemorrhages" / "IDRiD_01_HE.tif"
    mask(path, shape=(100, 120))
    case = open_masks_folder(idrid).cases[0]
    with pytest.raises(InputError) as error:
        case.truth("single", SHAPE)
    assert str(error.value) == (
        f"{path}: mask of 120x100, its photograph {case.image} has 120x90; give both at one size"
    )


def test_faults_are_named(tmp_path):
    photograph(tmp_path / "images" / "a.png")
    with pytest.raises(InputError, match="no masks of the split 'all'; expected photographs in one sub-folder"):
        open_masks_folder(tmp_path)
    mask(tmp_path / "MA" / "b_MA.png")
    with pytest.raises(InputError, match="b_MA.png: a mask without its photograph; add the photograph or remove"):
        open_masks_folder(tmp_path)
    (tmp_path / "MA" / "b_MA.png").rename(tmp_path / "MA" / "a_EX.png")
    with pytest.raises(InputError, match=r"a_EX\.png: a mask without its photograph"):
        open_masks_folder(tmp_path)
    (tmp_path / "MA" / "a_EX.png").rename(tmp_path / "MA" / "a_MA.png")
    mask(tmp_path / "MA" / "a.png")
    with pytest.raises(InputError, match=r"a_MA\.png: also .*a\.png is a mask of microaneurysms of a; remove one"):
        open_masks_folder(tmp_path)
    (tmp_path / "MA" / "a.png").unlink()
    photograph(tmp_path / "images" / "more" / "a.jpg")
    with pytest.raises(InputError, match=r"a\.jpg: also .*a\.png has this name; give one split, or rename one"):
        open_masks_folder(tmp_path)
    with pytest.raises(InputError, match="no such folder; give the one that holds photographs and masks"):
        open_masks_folder(tmp_path / "none")


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_a_mask_whose_zeros_are_not_exact_is_refused(tmp_path, name):
    photograph(tmp_path / "images" / "a.png")
    path = tmp_path / "MA" / name
    mask(path)
    if name.endswith("png"):
        Image.fromarray(np.zeros(SHAPE, np.uint16)).save(path)
    kind = "JPEG of 8 bits" if name.endswith("jpg") else "PNG of 16 bits"
    with pytest.raises(
        InputError, match=f"a mask as {kind}, in which 0 is not certain to stay 0; expected PNG or TIFF"
    ):
        open_masks_folder(tmp_path).cases[0].truth(None, SHAPE)


def test_detection(idrid, e_ophtha, ddr, tmp_path):
    assert all(is_masks_folder(folder) for folder in (idrid, e_ophtha, ddr, ddr / "train"))
    assert not is_masks_folder(idrid / "1. Original Images")
    photograph(tmp_path / "plain" / "a.png")
    photograph(tmp_path / "plain" / "he" / "b.png")
    assert not is_masks_folder(tmp_path / "plain"), "a folder of photographs that is named like a type"


def test_the_fingerprint_follows_contents_and_types_of_the_masks(e_ophtha):
    before = open_masks_folder(e_ophtha).cases[1].fingerprint()
    assert open_masks_folder(e_ophtha).cases[1].fingerprint() == before
    (e_ophtha / "Annotation_MA").rename(e_ophtha / "Annotation_EX")
    (e_ophtha / "MA").rename(e_ophtha / "EX")
    assert open_masks_folder(e_ophtha).cases[1].fingerprint() != before
    (e_ophtha / "Annotation_EX").rename(e_ophtha / "Annotation_MA")
    (e_ophtha / "EX").rename(e_ophtha / "MA")
    assert open_masks_folder(e_ophtha).cases[1].fingerprint() == before
    mask(e_ophtha / "Annotation_MA" / "E0000404" / "C0000887.png", slice(3, 6))
    assert open_masks_folder(e_ophtha).cases[1].fingerprint() != before
