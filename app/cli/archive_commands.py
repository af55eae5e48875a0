"""`pull`, `push` and `deidentify`: photographs from an archive (PACS), results to it, and photographs for others."""

from pathlib import Path
from typing import Annotated

import typer

from retina_xai.app.cli import dicom_options, path_options

SERVER = "dicom://AETITLE@host:port (C-FIND, C-GET, C-STORE) or https://host/dicom-web (QIDO, WADO, STOW)."
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds until a silent server counts as dead.")]
Title = Annotated[str, typer.Option(help="Our AE title.")]


def pull(  # noqa: PLR0913
    server: Annotated[str, typer.Option("--from", help=SERVER)],
    out: path_options.Out,
    study: Annotated[str, typer.Option(help="Study UID.")] = "",
    patient: Annotated[str, typer.Option(help="Patient number.")] = "",
    accession: Annotated[str, typer.Option(help="Accession number.")] = "",
    date: Annotated[str, typer.Option(help="Of the study: YYYYMMDD, or YYYYMMDD-YYYYMMDD.")] = "",
    everything: Annotated[bool, typer.Option("--everything", help="Also objects that are no photographs.")] = False,
    move: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Use C-MOVE to this port of ours instead of C-GET.")
    ] = None,
    identified: Annotated[bool, typer.Option("--identified", help="Name files by their UID.")] = False,
    title: Title = "RETINA_XAI",
    timeout: Timeout = 30.0,
) -> None:
    """Fetch photographs from an archive (PACS) into a folder."""
    from retina_xai.app.batch.pull import found_in, pull_batch
    from retina_xai.app.cli.progress import progress_over
    from retina_xai.pacs.archive import ArchiveSettings, StudyQuery, open_archive

    query = StudyQuery(study, patient, accession, date, everything)
    with open_archive(server, ArchiveSettings(timeout, title, move)) as archive:
        found = found_in(archive, query)
        with progress_over(len(found), "pulling") as progress:
            pull_batch(found, archive, out, progress.done, identified=identified)


def push(
    paths: Annotated[list[Path], typer.Argument(parser=path_options.path, help="Results, or folders of them.")],
    server: Annotated[str, typer.Option("--to", help=SERVER)],
    nameless: Annotated[bool, typer.Option("--nameless", help="Also send results that name no patient.")] = False,
    identified: dicom_options.Identified = False,
    title: Title = "RETINA_XAI",
    timeout: Timeout = 30.0,
) -> None:
    """Send DICOM results of `localize --dicom` to an archive (PACS)."""
    from retina_xai.app.batch.push import push_batch, results_in
    from retina_xai.app.cli.prepared import reader
    from retina_xai.app.cli.progress import progress_over
    from retina_xai.pacs.archive import ArchiveSettings, open_archive

    found = results_in(paths)
    with (
        open_archive(server, ArchiveSettings(timeout, title)) as archive,
        progress_over(len(found), "pushing") as progress,
    ):
        push_batch(found, archive, server, progress.done, reader(None, identified), nameless)


def deidentify(
    images: Annotated[list[Path], typer.Argument(parser=path_options.path, help="DICOM photographs, or folders.")],
    out: path_options.Out,
    key: Annotated[
        Path | None,
        typer.Option(parser=path_options.path, help="File of the secret of the pseudonyms; OUT.key by default."),
    ] = None,
) -> None:
    """Copy DICOM photographs without what identifies the patient (PS3.15, basic profile)."""
    from retina_xai.app.batch.deidentify import deidentify_batch
    from retina_xai.app.cli.progress import progress_over
    from retina_xai.io.images import find_images

    found = find_images(images)
    with progress_over(len(found), "de-identifying") as progress:
        deidentify_batch(found, out, key or out.with_name(f"{out.name}.key"), progress.done)
