"""Reading labelled photographs of folders: an official layout, a user's table, or sub-folders named by label."""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from retina_xai.errors import InputError
from retina_xai.grades.layouts import LAYOUTS, layout_of, official_labels
from retina_xai.grades.options import LabelOptions
from retina_xai.grades.own_labels import LabelRow, folder_labels, table_labels
from retina_xai.grades.photographs import (
    ImageFiles,
    LabelledPhotograph,
    LabelledSet,
    official_patient,
    without_suffix,
)
from retina_xai.io.identity import numbered
from retina_xai.io.images import identity_of
from retina_xai.io.names import shown_path

log = logging.getLogger(__name__)

IDENTIFIED = "dicom"
"""The data set in the patients' names of DICOM photographs."""


def read_labelled(
    folders: Sequence[Path], options: LabelOptions | None = None, allow_missing: bool = False
) -> LabelledSet:
    """All labelled photographs of all folders, sorted by name.

    Raises:
        InputError: no folder, a folder without labels, an error in the labels, an image name in two folders, no
            photograph with a label, no photograph with a positive label (if labels are not grades), or, without
            `allow_missing`, rows without a photograph.
    """
    options = options or LabelOptions()
    if not folders:
        raise InputError("no data folder given: name at least one")
    groups = [list(folders)] if options.table else [[folder] for folder in folders]
    sets = [_read_group(group, options, allow_missing) for group in groups]
    found: dict[str, LabelledPhotograph] = {}
    for photograph in (photograph for one in sets for photograph in one.photographs):
        if (former := found.setdefault(photograph.image, photograph)) is not photograph:
            raise InputError(f"{photograph.path}: also {former.path}; names must be unique, remove one of the two")
    photographs = _grouped_by_identity(tuple(found[name] for name in sorted(found)), options)
    _check_positives(photographs, options)
    return LabelledSet(
        photographs,
        sum(one.rows_without_image for one in sets),
        sum(one.images_without_row for one in sets),
        sum(one.rows_without_label for one in sets),
        _patient_rule(photographs, options),
    )


def _read_group(folders: list[Path], options: LabelOptions, allow_missing: bool) -> LabelledSet:
    """Read one official folder, one folder of sub-folders named by label, or all folders of a user's table."""
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; name a folder of photographs")
    folder, files = folders[0], ImageFiles(tuple(folders))
    if options.table is not None:
        rows, unknown = table_labels(options.table, options)
        return _matched(files, rows, options, unknown, allow_missing)
    if layout := layout_of(folder):
        grades = official_labels(folder, layout, options)
        rows = {name: LabelRow(grade, None, f"{folder}: {name}") for name, grade in grades.items()}
        return _matched(files, rows, options, 0, allow_missing)
    labels, unknown = folder_labels(files, folder, options)
    if not labels:
        names = " or ".join(name for one in LAYOUTS.values() for name in one.files.values())
        raise InputError(
            f"{folder}: no {names}, and no photographs in sub-folders named by label; give a table of labels"
        )
    named = {shown_path(path.relative_to(folder).with_suffix("")): (path, row) for path, row in labels.items()}
    photographs = tuple(_labelled(name, path, row, folder, options) for name, (path, row) in sorted(named.items()))
    return LabelledSet(photographs, 0, len(files.paths) - len(labels) - unknown, unknown)


def _matched(
    files: ImageFiles, rows: Mapping[str, LabelRow], options: LabelOptions, unknown: int, allow_missing: bool
) -> LabelledSet:
    """The photographs that have a row in a table."""
    found = {name: path for name in rows if (path := files.find(name)) is not None}
    missing, folder = sorted(rows.keys() - found), files.folders[0]
    if missing and not allow_missing:
        raise InputError(
            f"{folder}: {len(missing)} of {len(rows)} labelled images have no file (first {missing[0]});"
            " add the photographs or allow missing ones"
        )
    if not found:
        raise InputError(
            f"{folder}: no photograph has a label; expected image files named as in the labels in it or below it"
        )
    names: dict[Path, str] = {}
    for name, path in found.items():
        if (former := names.setdefault(path, name)) != name:
            raise InputError(
                f"{rows[name].place}: image {name} appears twice, also as {former}; delete one of its rows"
            )
    if unlabelled := len(set(files.paths) - names.keys()):
        log.warning("%s: %d images without a label are not used", folder, unlabelled)
    photographs = (_labelled(without_suffix(name), found[name], rows[name], folder, options) for name in sorted(found))
    return LabelledSet(tuple(photographs), len(missing), unlabelled, unknown)


def _labelled(image: str, path: Path, row: LabelRow, folder: Path, options: LabelOptions) -> LabelledPhotograph:
    level = options.level_of(row.label, row.place)
    return LabelledPhotograph(image, _patient(image, row, folder, options), level, path, row.label)


def _patient(image: str, row: LabelRow, folder: Path, options: LabelOptions) -> str:
    """SET:PATIENT from the patient column, the pattern or the official name; otherwise each photograph is a patient."""
    source = folder.resolve().name.replace(":", "_")
    if row.patient is not None:
        return f"{source}:{row.patient}"
    if options.patient_pattern is not None:
        name = Path(image).name
        if not (match := re.fullmatch(options.patient_pattern, name)) or not match[1]:
            raise InputError(f"{row.place}: image {name!r} does not fit the pattern {options.patient_pattern!r}")
        return f"{source}:{match[1]}"
    return official_patient(image) or f"{source}:{image}"


def _grouped_by_identity(
    photographs: tuple[LabelledPhotograph, ...], options: LabelOptions
) -> tuple[LabelledPhotograph, ...]:
    """DICOM photographs with the patient that the files name, unless the options name another rule.

    The patient is a number, because tables of the training list it.
    """
    if options.patient_column is not None or options.patient_pattern is not None:
        return photographs
    known = {photo.image: identity for photo in photographs if (identity := identity_of(photo.path)) is not None}
    numbers = numbered(known.values(), lambda one: one.patient)
    return tuple(
        replace(photo, patient=f"{IDENTIFIED}:{numbers[known[photo.image].patient]}")
        if photo.image in known and known[photo.image].patient
        else photo
        for photo in photographs
    )


def _patient_rule(photographs: Sequence[LabelledPhotograph], options: LabelOptions) -> str:
    if options.patient_column is not None and options.table is not None:
        return f"column {options.patient_column}"
    if options.patient_pattern is not None:
        return f"pattern {options.patient_pattern} of the name"
    identified = sum(photograph.source == IDENTIFIED for photograph in photographs)
    others = sum(
        photograph.source != IDENTIFIED and official_patient(photograph.image) is None for photograph in photographs
    )
    told = ["patient of the DICOM file"] if identified else []
    told += ["official names"] if identified + others < len(photographs) else []
    if not others:
        return ", ".join(told)
    return ", ".join(["one photograph = one patient" + (f" for {others}" if told else ""), *told])


def _check_positives(photographs: Sequence[LabelledPhotograph], options: LabelOptions) -> None:
    labels = {photograph.label for photograph in photographs}
    absent = sorted(options.positives - labels)
    if options.grades or not absent:
        return
    message = f"no photograph has the positive label {' or '.join(absent)} (labels: {', '.join(sorted(labels)[:10])})"
    if not labels & options.positives:
        raise InputError(f"{message}; correct the positive labels")
    log.warning("%s", message)
