"""The exported names of the package, and its lazy imports."""

import subprocess
import sys

import pytest

import retina_xai

HEAVY = ("captum", "cv2", "matplotlib", "pandas", "scipy", "skimage", "sklearn", "torchvision")


def modules_after(statement):
    """The top-level modules that a fresh process has imported after a statement."""
    script = f"{statement}\nimport sys\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_every_exported_name_can_be_imported_and_is_listed():
    for name in retina_xai.__all__:
        assert getattr(retina_xai, name) is not None
        assert name in dir(retina_xai)
        assert name in retina_xai.__doc__
    assert callable(retina_xai.localize)
    assert callable(retina_xai.trust)


def test_another_name_is_refused_as_python_does():
    with pytest.raises(AttributeError, match="module 'retina_xai' has no attribute 'magic'"):
        _ = retina_xai.magic


def test_fgvis_needs_torch_and_no_other_large_library():
    assert modules_after("from retina_xai import FGVis; FGVis()").isdisjoint(HEAVY)


def test_the_list_of_methods_needs_no_torch():
    found = modules_after("from retina_xai import EXPLAINERS, RetinaXaiError; assert EXPLAINERS")
    assert found.isdisjoint({*HEAVY, "numpy", "torch"})
