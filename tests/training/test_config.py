"""Settings: all keys are checked, and the TOML round trip."""

import re
import tomllib
from pathlib import Path

import pytest

from retina_xai.errors import InputError, UsageError
from retina_xai.training.config import StageSettings, TrainingConfig

CONFIGS = Path(__file__).resolve().parents[2] / "training" / "configs"


@pytest.mark.parametrize("name", ["default", "demo"])
def test_shipped_settings_read_and_survive_a_round_trip(name: str, tmp_path: Path) -> None:
    config = TrainingConfig.from_toml(CONFIGS / f"{name}.toml")
    copy = tmp_path / "config.toml"
    copy.write_text(config.to_toml(), encoding="utf-8")
    assert TrainingConfig.from_toml(copy) == config


def test_odd_paths_and_an_average_of_none_survive_a_round_trip(tmp_path: Path) -> None:
    config = TrainingConfig.from_mapping({"data": {"cache": 'a "b" \\ ü'}, "patience": 3, "optimiser": {"average": 0}})
    copy = tmp_path / "config.toml"
    copy.write_text(config.to_toml(), encoding="utf-8")
    assert TrainingConfig.from_toml(copy) == config


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"speed": 1}, "speed"),
        ({"stages": [{"size": 8, "epochs": 1}]}, "stages.0.size"),
        ({"stages": []}, "stages"),
        ({"optimiser": {"name": "adam"}}, "optimiser.name"),
        ({"data": {"folds": 5, "fold": 5}}, "data"),
        ({"balance": {"start": [1, 2, 3]}}, "balance.start"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, object], key: str) -> None:
    with pytest.raises(UsageError, match=f"^here: {key}: "):
        TrainingConfig.from_mapping(settings, "here")


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"kind": "tiles"}, "stages.0.kind: Input should be 'photographs' or 'patches'; correct this setting"),
        (
            {"kind": "patches", "size": 449},
            "stages.0: Value error, patches of 449 pixels do not fit in photographs of 448",
        ),
        (
            {"kind": "patches", "size": 97, "source_size": 96},
            "stages.0: Value error, patches of 97 pixels do not fit in photographs of 96",
        ),
        (
            {"kind": "patches", "drawn": 0.3},
            "stages.0: Value error, drawn 0.3 is for stages of photographs only; half of the patches show lesions",
        ),
        ({"source_size": 31}, "stages.0.source_size: Input should be greater than or equal to 32"),
        ({"draws": 0}, "stages.0.draws: Input should be greater than 0"),
        ({"drawn": 1.1}, "stages.0.drawn: Input should be less than or equal to 1"),
        ({"drawn": -0.1}, "stages.0.drawn: Input should be greater than or equal to 0"),
        ({"drawn_decay": 1.01}, "stages.0.drawn_decay: Input should be less than or equal to 1"),
        ({"lr": 0}, "stages.0.lr: Input should be greater than 0"),
    ],
)
def test_a_wrong_stage_is_refused_with_its_reason(stage: dict[str, object], message: str) -> None:
    settings = {"stages": [{"size": 64, "epochs": 1} | stage, {"size": 64, "epochs": 1}]}
    with pytest.raises(UsageError, match=f"^here: {re.escape(message)}"):
        TrainingConfig.from_mapping(settings, "here")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"stages": [{"size": 64, "epochs": 1}, {"kind": "patches", "size": 64, "epochs": 1}]},
            "settings: Value error, the last stage must be of kind photographs",
        ),
        ({"balance": {"referable": 0}}, "balance.referable: Input should be greater than 0"),
        ({"balance": {"referable": 1}}, "balance.referable: Input should be less than 1"),
        (
            {"preprocessing": {"std": [12, 0, 5]}},
            "preprocessing: Value error, std (12.0, 0.0, 5.0): expected three values above 0",
        ),
        ({"preprocessing": {"background": 1.5}}, "preprocessing.background: Input should be less than or equal to 1"),
        ({"augmentation": {"blur": -1}}, "augmentation.blur: Input should be greater than or equal to 0"),
    ],
)
def test_unfit_settings_are_refused_with_their_reason(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=f"^here: {re.escape(message)}"):
        TrainingConfig.from_mapping(settings, "here")


def test_a_stage_reads_photographs_of_its_own_or_its_source_size() -> None:
    assert StageSettings(size=64, epochs=1, source_size=96).photograph_size == 64
    assert StageSettings(kind="patches", size=96, epochs=1, source_size=96).photograph_size == 96


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("seed = = 1")
    with pytest.raises(InputError, match=r"broken\.toml: not a TOML file"):
        TrainingConfig.from_toml(broken)
    with pytest.raises(InputError, match=r"none\.toml: cannot read"):
        TrainingConfig.from_toml(tmp_path / "none.toml")


def test_own_labels_are_settings_of_the_data() -> None:
    config = TrainingConfig.from_mapping({"data": {"positive": "NPDR,PDR", "folds": 3}})
    changed = config.with_data(table=Path("own.csv"), image_column="Name", unknown=None)
    assert (changed.data.positive, changed.data.folds, changed.data.unknown) == ("NPDR,PDR", 3, "-")
    options = changed.data.options()
    assert (options.table, options.image_column, options.positives) == (Path("own.csv"), "Name", {"NPDR", "PDR"})
    assert TrainingConfig.from_mapping(tomllib.loads(changed.to_toml())) == changed
    with pytest.raises(UsageError, match="no positive label"):
        config.with_data(positive=",")
