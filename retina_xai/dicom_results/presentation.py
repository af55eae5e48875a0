"""The outlines of the candidates as a Softcopy Presentation State, which a workstation draws over the photograph."""

from importlib.resources import files
from typing import Any

from highdicom import pr
from pydicom.dataset import Dataset

from retina_xai.dicom_results.sources import ResultSource, finished
from retina_xai.dicom_results.structured_report import region_points
from retina_xai.lesions.annotation import Annotation

SRGB = "_icc_profiles/sRGB_v4_ICC_preference.icc"
"""The profile that highdicom itself uses; a presentation state in colour must have one."""
PIXEL = pr.AnnotationUnitsValues.PIXEL


def outlines_presentation(source: ResultSource) -> Dataset:
    """The outer outlines of all candidates with their numbers, in one graphic layer.

    It is a grey one for grey photographs, otherwise one in colour.
    """
    header = Dataset()
    header.update(source.header)
    grey = str(header.pop("PhotometricInterpretation").value).startswith("MONOCHROME")
    header.SamplesPerPixel = 1 if grey else 3
    # highdicom takes Ophthalmic Photography for a class with functional groups
    header.SharedFunctionalGroupsSequence = header.PerFrameFunctionalGroupsSequence = [Dataset()]
    if source.frame is not None:
        header.NumberOfFrames = source.frame
    layer = pr.GraphicLayer("CANDIDATES", 1, description="Lesion candidates of the algorithm")
    arguments: dict[str, Any] = {**source.equipment(6), **source.device(), "graphic_layers": [layer]}
    if lesions := source.localization.lesions:
        arguments["graphic_annotations"] = [pr.GraphicAnnotation([header], layer, **_graphics(source, lesions))]
    if not grey:
        arguments["icc_profile"] = files("highdicom").joinpath(SRGB).read_bytes()
    kind = pr.GrayscaleSoftcopyPresentationState if grey else pr.ColorSoftcopyPresentationState
    made: Dataset = kind([header], content_label="CANDIDATES", **arguments)
    if laterality := header.get("ImageLaterality"):
        made.Laterality = laterality
    made.SeriesDescription = "Outlines of lesion candidates"
    return finished(made, source)


def _graphics(source: ResultSource, lesions: tuple[Annotation, ...]) -> dict[str, Any]:
    lines = [pr.GraphicObject(pr.GraphicTypeValues.POLYLINE, region_points(lesion), PIXEL) for lesion in lesions]
    texts = [
        pr.TextObject(str(lesion.id), PIXEL, anchor_point=tuple(points.graphic_data[0].tolist()))
        for lesion, points in zip(lesions, lines, strict=True)
    ]
    return {"graphic_objects": lines, "text_objects": texts, "referenced_frame_number": source.frame}
