"""From given options to settings: what applies, how often, and what is refused."""

from dataclasses import dataclass

import pytest

from retina_xai.app.cli.options import configured
from retina_xai.errors import UsageError


@dataclass(frozen=True)
class Settings:
    lr: float = 0.1
    lam: tuple[float, ...] = (1.0, 2.0)
    defended: bool = True


@dataclass(frozen=True)
class Nested:
    game: Settings = Settings()


def test_settings_within_settings_are_no_option():
    with pytest.raises(UsageError, match=r"it takes no --game: leave it out \(it takes none of these\)"):
        configured(Nested, "it", {"game": ["deletion"], "lr": []})


def test_what_was_given_replaces_the_default_and_the_rest_stays():
    assert configured(Settings, "it", {"lr": [0.5], "lam": None, "defended": []}) == Settings(lr=0.5)
    assert configured(Settings, "it", {"lam": [3.0]}).lam == (3.0,)
    assert configured(Settings, "it", {"lam": [3.0, 4.0], "defended": [False]}) == Settings(0.1, (3.0, 4.0), False)


def test_options_that_do_not_apply_are_refused_by_their_name():
    with pytest.raises(UsageError) as error:
        configured(Settings, "method x", {"lr": [0.5], "game": ["deletion"], "stop_ratio": [0.1], "classes": ["cat"]})
    assert str(error.value) == (
        "method x takes no --game and no --stop-ratio and no --class: leave it out (it takes --lr)"
    )


def test_several_values_for_one_are_refused():
    with pytest.raises(UsageError, match="--undefended was given 2 times: give it once"):
        configured(Settings, "it", {"defended": [False, False]})
