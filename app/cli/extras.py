"""The extra of the package that each command needs, and the message when it is not installed."""

from collections.abc import Sequence

EXTRA_OF = {
    "train": "train",
    "evaluate": "evaluate",
    "compare": "evaluate",
    "experiment": "evaluate",
    "fit-vebi": "evaluate",
    "check-data": "evaluate",
    "demo": "all",
}
"""Extra by command; every other command needs `app`."""
EXTRA_OF_MODULE = {
    "dask": "cluster",
    "dicomanonymizer": "dicom",
    "dicomweb_client": "dicom",
    "distributed": "cluster",
    "highdicom": "dicom",
    "onnx": "export",
    "onnxruntime": "export",
    "onnxscript": "export",
    "pydicom": "dicom",
    "pynetdicom": "dicom",
    "requests": "dicom",
    "s3fs": "cloud",
    "upath": "cloud",
}
"""Extra by module, for modules that only some options of a command need."""
OPTIONAL = frozenset(
    {
        "dask",
        "defusedxml",
        "dicomanonymizer",
        "dicomweb_client",
        "distributed",
        "fpdf",
        "highdicom",
        "jinja2",
        "lightning",
        "lightning_utilities",
        "onnx",
        "onnxruntime",
        "onnxscript",
        "pandas",
        "platformdirs",
        "pyarrow",
        "pydicom",
        "pydantic",
        "pynetdicom",
        "requests",
        "rich",
        "s3fs",
        "starlette",
        "streamlit",
        "tensorboard",
        "typer",
        "upath",
    }
)
"""Modules that `pip install retina-xai` alone does not bring."""


def missing_extra(error: ModuleNotFoundError, arguments: Sequence[str]) -> str | None:
    """Which extra to install when a command cannot import an optional module; None for any other module.

    Args:
        arguments: of the command line; the first that is no option names the command.
    """
    module = (error.name or "").partition(".")[0]
    if module not in OPTIONAL:
        return None
    command = next((argument for argument in arguments if not argument.startswith("-")), "retina-xai")
    extra = EXTRA_OF_MODULE.get(module) or EXTRA_OF.get(command, "app")
    return f"{command} needs the extra '{extra}': pip install 'retina-xai[{extra}]' ({module} is not installed)"
