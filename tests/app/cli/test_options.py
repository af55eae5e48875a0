"""From options and assignments to settings: what applies, how often, and what is refused."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace

import pytest

from retina_xai.app.cli.options import Given, configured, setting_names
from retina_xai.errors import UsageError
from retina_xai.evaluation.experiments.registry import EXPERIMENTS
from retina_xai.explainers.registry import EXPLAINERS


@dataclass(frozen=True)
class SampleSettings:
    lr: float = 0.1
    lam: tuple[float, ...] = (1.0, 2.0)
    defended: bool = True


@dataclass(frozen=True)
class Nested:
    game: SampleSettings = SampleSettings()


@dataclass(frozen=True)
class Typed:
    count: int = 1
    share: float = 0.5
    flag: bool = False
    word: str = "a"
    layer: str | None = "b"
    size: int | None = 2
    one_or_more: float | Sequence[float] = 0.1
    words: tuple[str, ...] = ()
    inner: SampleSettings = SampleSettings()


def test_settings_within_settings_are_no_option():
    with pytest.raises(UsageError, match=r"it takes no --game: leave it out \(it takes none of these\)"):
        configured(Nested(), "it", Given({"game": ["deletion"], "lr": []}))


def test_what_was_given_replaces_the_default_and_the_rest_stays():
    assert configured(SampleSettings(), "it", Given({"lr": [0.5], "lam": None, "defended": []})) == SampleSettings(
        lr=0.5
    )
    assert configured(SampleSettings(), "it", Given({"lam": [3.0]})).lam == (3.0,)
    assert configured(SampleSettings(), "it", Given({"lam": [3.0, 4.0], "defended": [False]})) == SampleSettings(
        0.1, (3.0, 4.0), False
    )


def test_options_that_do_not_apply_are_refused_by_their_name():
    with pytest.raises(UsageError) as error:
        configured(
            SampleSettings(),
            "method x",
            Given({"lr": [0.5], "game": ["deletion"], "stop_ratio": [0.1], "classes": ["cat"]}),
        )
    assert str(error.value) == (
        "method x takes no --game and no --stop-ratio and no --class: leave it out (it takes --lr)"
    )


def test_several_values_for_one_are_refused():
    with pytest.raises(UsageError, match="--undefended was given 2 times: give it once"):
        configured(SampleSettings(), "it", Given({"defended": [False, False]}))


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("count=8000", {"count": 8000}),
        ("share=1e-3", {"share": 1e-3}),
        ("share = 2", {"share": 2.0}),
        ("flag=true", {"flag": True}),
        ("word=none", {"word": "none"}),
        ("word=a=b,c", {"word": "a=b,c"}),
        ("layer=none", {"layer": None}),
        ("layer=features.3", {"layer": "features.3"}),
        ("size=none", {"size": None}),
        ("size=7", {"size": 7}),
        ("one_or_more=1e-8", {"one_or_more": 1e-8}),
        ("one_or_more=1e-8,1e-9", {"one_or_more": (1e-8, 1e-9)}),
        ("words=x", {"words": ("x",)}),
        ("words=x, y", {"words": ("x", "y")}),
        ("words=", {"words": ()}),
        ("inner.lr=3", {"inner": SampleSettings(lr=3.0)}),
        ("inner.lam=3,4", {"inner": SampleSettings(lam=(3.0, 4.0))}),
    ],
)
def test_an_assignment_sets_one_field_in_its_type(assignment, expected):
    found = configured(Typed(), "it", Given({}, [assignment]))
    assert found == replace(Typed(), **expected)
    for field in fields(Typed):
        assert type(getattr(found, field.name)) is type({**vars(Typed()), **expected}[field.name])


def test_several_assignments_and_options_add_up_at_every_level():
    given = Given({"count": [3]}, ["inner.lr=3", "inner.defended=false", "share=0.25"])
    expected = replace(Typed(), count=3, share=0.25, inner=SampleSettings(3.0, defended=False))
    assert configured(Typed(), "it", given) == expected


ALL = "it has count, share, flag, word, layer, size, one_or_more, words, inner.lr, inner.lam, inner.defended"


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (["masks=3"], f"--set masks=3: it has no setting 'masks', {ALL}"),
        (["inner=3"], f"--set inner=3: it has no setting 'inner', {ALL}"),
        (["inner.masks=3"], f"--set inner.masks=3: it has no setting 'inner.masks', {ALL}"),
        (["lr=3"], f"--set lr=3: it has no setting 'lr', {ALL}"),
        (["count"], "--set count: give name=value, such as --set seed=1"),
        (["count=x"], "--set count=x: expected a whole number"),
        (["count=1.5"], "--set count=1.5: expected a whole number"),
        (["count=none"], "--set count=none: expected a whole number"),
        (["count="], "--set count=: expected a whole number"),
        (["share=x"], "--set share=x: expected a number"),
        (["share=1,2"], "--set share=1,2: expected a number"),
        (["flag=maybe"], "--set flag=maybe: expected true or false"),
        (["size=x"], "--set size=x: expected a whole number or none"),
        (["one_or_more=x"], "--set one_or_more=x: expected a number, or several separated by commas"),
        (["inner.lam=1,x"], "--set inner.lam=1,x: expected a number, or several separated by commas"),
        (["count=1", "count=2"], "--set count=2: count was given twice, give it once"),
        (["inner.lr=1", "inner.lr=2"], "--set inner.lr=2: inner.lr was given twice, give it once"),
    ],
)
def test_an_assignment_that_does_not_fit_is_one_line(assignments, message):
    with pytest.raises(UsageError) as error:
        configured(Typed(), "it", Given({}, assignments))
    assert str(error.value) == message


def test_an_option_and_an_assignment_of_one_field_are_refused():
    with pytest.raises(UsageError, match="--set lr=2: lr was given twice, give it once"):
        configured(SampleSettings(), "it", Given({"lr": [1.0]}, ["lr=2"]))


def as_text(value):
    """A value as it is written on the command line."""
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def value_of(base, name):
    for part in name.split("."):
        base = getattr(base, part)
    return base


BASES = [spec.factory for spec in EXPLAINERS.values()] + [spec.load() for spec in EXPERIMENTS.values()]


@pytest.mark.parametrize("base", BASES, ids=[*EXPLAINERS, *EXPERIMENTS])
def test_every_setting_of_every_method_and_experiment_can_be_assigned(base):
    names = setting_names(base())
    assert {name.split(".")[0] for name in names} == {field.name for field in fields(base())}
    assignments = [f"{name}={as_text(value_of(base(), name))}" for name in names]
    assert configured(base(), "it", Given({}, assignments)) == base()
    assert not any(is_dataclass(value_of(base(), name)) for name in names)
