"""The registry of methods: names, factories, settings for fundus photographs."""

import pytest

from retina_xai.errors import UsageError
from retina_xai.explainers.fgvis import FGVis
from retina_xai.explainers.registry import EXPLAINERS, FUNDUS_METHODS, explainer_named, fundus_explainer
from retina_xai.explainers.retina import RetinaFGVis
from retina_xai.explainers.rise import RISE


def test_every_entry_has_its_own_key_and_a_source():
    for key, spec in EXPLAINERS.items():
        assert spec.key == key
        assert spec.label
        assert spec.source
    assert len({spec.label for spec in EXPLAINERS.values()}) == len(EXPLAINERS)


def test_the_names_of_the_command_line_are_all_there():
    assert {"fgvis", "grad-cam", "lime", "occlusion", "random", "retina", "rise", "saliency"} <= EXPLAINERS.keys()
    assert FUNDUS_METHODS[:6] == ("fgvis", "fgvis-undefended", "retina", "retina-undefended", "grad-cam", "saliency")


def test_a_factory_takes_settings_by_name():
    assert explainer_named("rise").factory(masks=9, seed=2) == RISE(masks=9, seed=2)
    assert explainer_named("fgvis").factory() == FGVis()
    assert explainer_named("fgvis-undefended").factory() == FGVis(defended=False)


def test_the_methods_for_fundus_photographs_are_those_of_the_paper_and_ours():
    paper = FGVis(game="deletion", lam=1e-10, lr=0.25, iterations=500, stop_score=0.1)
    assert fundus_explainer("fgvis") == paper
    assert fundus_explainer("fgvis-undefended") == FGVis("deletion", 1e-10, 0.25, 500, 0.1, defended=False)
    ours = RetinaFGVis(FGVis("deletion", 1e-10, 0.25, 80, 0.1, defence="staged"))
    assert fundus_explainer("retina") == ours
    undefended = fundus_explainer("retina-undefended")
    assert undefended.game == FGVis("deletion", 1e-10, 0.25, 80, 0.1, defended=False)


@pytest.mark.parametrize(("find", "names"), [(explainer_named, tuple(EXPLAINERS)), (fundus_explainer, FUNDUS_METHODS)])
def test_the_message_for_an_unknown_name_lists_the_choices(find, names):
    with pytest.raises(UsageError) as error:
        find("magic")
    assert str(error.value) == f"unknown method 'magic': choose one of {', '.join(names)}"
