"""Settings: every key is checked, and what is written is what is read."""

from pathlib import Path

import pytest

from retina_xai.errors import InputError, UsageError
from training.config import TrainingConfig

CONFIGS = Path(__file__).resolve().parents[2] / "training" / "configs"


@pytest.mark.parametrize("name", ["default", "demo"])
def test_shipped_settings_read_and_survive_a_round_trip(name: str, tmp_path: Path) -> None:
    config = TrainingConfig.from_toml(CONFIGS / f"{name}.toml")
    copy = tmp_path / "config.toml"
    copy.write_text(config.to_toml(), encoding="utf-8")
    assert TrainingConfig.from_toml(copy) == config


def test_paths_with_odd_characters_survive_a_round_trip(tmp_path: Path) -> None:
    config = TrainingConfig.from_mapping({"data": {"cache": 'a "b" \\ ü'}, "patience": 3})
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


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("seed = = 1")
    with pytest.raises(InputError, match=r"broken\.toml: not a TOML file"):
        TrainingConfig.from_toml(broken)
    with pytest.raises(InputError, match=r"none\.toml: cannot read"):
        TrainingConfig.from_toml(tmp_path / "none.toml")
