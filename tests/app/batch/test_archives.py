"""Pull a study from an archive, localize it, push the results, find them again; every fault is one line."""

import os
import shutil
import signal
import socket
import threading
import time

import numpy as np
import pydicom
import pytest
from helpers.command_line import one_line
from helpers.dicom_archive import SmallArchive
from helpers.dicom_files import PATIENT_NUMBER, SECRETS, STUDY, content_as, photograph
from helpers.dicom_web_archive import SmallWebArchive

from retina_xai.app.batch.localize import LocalizeRun, localize_batch
from retina_xai.app.batch.photographs import PhotographReader
from retina_xai.app.batch.push import RECEIPTS
from retina_xai.errors import UsageError
from retina_xai.io.images import find_images, read_image
from retina_xai.models.checkpoint import load_classifier
from retina_xai.pacs.archive import ArchiveSettings, ServerAddress, StudyQuery
from retina_xai.training.phantoms.phantom import make_phantom

EYE = make_phantom(3, 288, 352, grade=3).pixels
KINDS = ("explicit", "JPEG", "RLE", "deflated")
QUICK = ("--timeout", "3")
OTHER, OTHER_STUDY = "ZZ1", f"{STUDY}.8"
HIDDEN = (*SECRETS, STUDY)


@pytest.fixture(scope="module")
def files():
    """A study of four photographs in four transfer syntaxes, and one photograph of another patient."""
    made = [content_as(photograph(np.roll(EYE, number, 1), number), kind) for number, kind in enumerate(KINDS, 1)]
    other = photograph(EYE, 9, StudyInstanceUID=OTHER_STUDY, PatientID=OTHER, SeriesInstanceUID=f"{OTHER_STUDY}.1")
    return [*made, content_as(other, "explicit")]


@pytest.fixture
def archive(files):
    made = SmallArchive()
    for content in files:
        made.add(content)
    yield made
    made.close()


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def test_pull_localize_push_and_find_the_results_again(archive, call, weights, tmp_path):
    code, out, err = call("pull", "--from", archive.url, "--patient", OTHER, "--out", tmp_path / "in", *QUICK)
    assert (code, err) == (0, "")
    assert len(list((tmp_path / "in").glob("dicom-*.dcm"))) == 1
    options = ("--weights", weights, "--method", "saliency", "--dicom", "--identified")
    assert call("localize", tmp_path / "in", "--out", tmp_path / "out", *options)[0] == 0
    code, out, err = call("push", tmp_path / "out", "--to", archive.url, *QUICK)
    assert (code, err) == (0, "")
    assert out.count(": stored") == 6
    query = ("--from", archive.url, "--study", OTHER_STUDY, "--everything")
    assert call("pull", *query, "--out", tmp_path / "again", *QUICK)[0] == 0
    found = [pydicom.dcmread(path) for path in (tmp_path / "again").glob("*.dcm")]
    sent = [pydicom.dcmread(path) for path in (tmp_path / "out").glob("*.dcm")]
    results = {one.SOPInstanceUID: one for one in found if one.Manufacturer == "retina-xai"}
    assert len(found) == 7
    assert results.keys() == {one.SOPInstanceUID for one in sent}
    for one in sent:
        assert results[one.SOPInstanceUID] == one
        assert (one.PatientID, one.StudyInstanceUID) == (OTHER, OTHER_STUDY)
    assert len(find_images([tmp_path / "again"])) == 1, "results are no photographs"


def test_files_are_those_of_the_archive_and_name_nobody(archive, files, call, tmp_path, caplog):
    code, out, err = call("pull", "--from", archive.url, "--study", STUDY, "--out", tmp_path, *QUICK)
    assert code == 0
    pulled = {read_image(path).sha256: path for path in tmp_path.glob("*.dcm")}
    syntaxes = {pydicom.dcmread(path).file_meta.TransferSyntaxUID.name for path in pulled.values()}
    assert len(syntaxes) == len(KINDS), "the archive converted nothing"
    expected = [pydicom.dcmread(pydicom.filebase.DicomBytesIO(one)) for one in files[:-1]]
    for path in pulled.values():
        found = pydicom.dcmread(path)
        (source,) = [one for one in expected if one.SOPInstanceUID == found.SOPInstanceUID]
        assert found == source
    names = "".join(path.name for path in tmp_path.iterdir()) + (tmp_path / "settings.json").read_text()
    assert [secret for secret in HIDDEN if secret in out + err + caplog.text + names] == []
    code, out, _ = call("pull", "--from", archive.url, "--study", STUDY, "--out", tmp_path / "i", "--identified")
    assert code == 0
    assert f"{STUDY}.2.1.dcm" in {path.name for path in (tmp_path / "i").iterdir()}


def test_a_server_that_dies_is_one_line_and_the_pull_goes_on_later(archive, call, tmp_path):
    archive.dies_after = 2
    pull = ("pull", "--from", archive.url, "--study", STUDY, "--out", tmp_path, *QUICK)
    code, _, err = call(*pull)
    assert code == 3
    assert "the connection ended, or was silent for 3 s, during C-GET; what is done is kept, run again" in one_line(err)
    assert len(list(tmp_path.glob("*.dcm"))) == 2
    assert not list(tmp_path.glob(".partial*"))
    archive.dies_after = None
    code, out, _ = call(*pull)
    assert (code, out.count("done before"), archive.asked["get"]) == (0, 2, 5)
    assert len(list(tmp_path.glob("*.dcm"))) == 4


def test_an_interrupt_does_not_wait_for_a_server_that_is_silent(archive, call, tmp_path):
    answer = threading.Event()

    def interrupt():
        os.kill(os.getpid(), signal.SIGINT)
        answer.wait(30)

    archive.during_get, begin = interrupt, time.monotonic()
    code, _, err = call("pull", "--from", archive.url, "--study", STUDY, "--out", tmp_path, "--timeout", "30")
    assert time.monotonic() - begin < 20
    answer.set()
    assert code == 130
    assert "interrupted; what is done is kept" in one_line(err)
    assert not list(tmp_path.glob("*.dcm"))


def test_an_object_that_is_refused_fails_and_the_others_are_pulled(archive, call, tmp_path):
    archive.refuse["get"] = 0xC001
    code, out, err = call("pull", "--from", archive.url, "--study", STUDY, "--out", tmp_path, *QUICK)
    assert code == 5
    assert "4 of 4 photographs failed" in one_line(err)
    assert "C-GET failed (0xC001, " in out
    assert [secret for secret in HIDDEN if secret in out + err] == []


def test_c_move_to_a_port_of_ours(files, call, tmp_path):
    port = free_port()
    archive = SmallArchive(move_to=port)
    try:
        for content in files:
            archive.add(content)
        query = ("pull", "--from", archive.url, "--study", STUDY, "--move", port, *QUICK)
        assert call(*query, "--out", tmp_path / "in")[0] == 0
        assert len(list((tmp_path / "in").glob("*.dcm"))) == 4
        assert (archive.asked["move"], archive.asked["get"]) == (4, 0)
        archive.move_to = None
        code, out, _ = call(*query, "--out", tmp_path / "unknown")
        assert code == 5
        assert "C-MOVE failed (0xA801, " in out
    finally:
        archive.close()


def test_servers_that_cannot_be_used_are_one_line(archive, call, tmp_path):
    silent = socket.create_server(("127.0.0.1", 0))
    dead, mute = free_port(), silent.getsockname()[1]
    cases = {
        f"dicom://ARCHIVE@127.0.0.1:{dead}": "cannot be reached (Connection refused); check host and port",
        f"dicom://OTHER@127.0.0.1:{archive.port}": "refused the association (Called AE title not recognised); check",
        f"dicom://ARCHIVE@127.0.0.1:{mute}": "answers, but not as a DICOM server within 0.3 s; check the port",
        f"http://127.0.0.1:{dead}/dicom-web": "the connection failed during QIDO-RS (ConnectionError)",
        f"http://127.0.0.1:{mute}/dicom-web": "was silent for 0.3 s during QIDO-RS",
    }
    with silent:
        for server, text in cases.items():
            seconds = ("--timeout", "3" if str(archive.port) in server else "0.3")
            code, _, err = call("pull", "--from", server, "--study", STUDY, "--out", tmp_path / "out", *seconds)
            assert (code, text in one_line(err)) == (3, True), err
    assert not (tmp_path / "out").exists()


def test_a_query_that_fails_or_finds_nothing_is_one_line(archive, call, tmp_path):
    pull = ("pull", "--from", archive.url, "--out", tmp_path, *QUICK)
    code, _, err = call(*pull, "--patient", "NOBODY77")
    assert code == 3
    assert "the archive has no photograph for this query" in one_line(err)
    assert "NOBODY77" not in err
    archive.refuse["find"] = 0xC001
    code, _, err = call(*pull, "--patient", PATIENT_NUMBER)
    assert code == 3
    assert "C-FIND failed (0xC001, " in one_line(err)


@pytest.fixture(scope="module")
def localized(weights, tmp_path_factory):
    """The identified objects of one photograph."""
    folder, reader = tmp_path_factory.mktemp("results"), PhotographReader(identified=True)
    (folder / "QX195603.dcm").write_bytes(content_as(photograph(EYE), "explicit"))
    run = LocalizeRun(load_classifier(weights), folder / "out", "saliency", True, reader=reader, dicom=True)
    localize_batch([folder / "QX195603.dcm"], run, lambda *_: None)
    return folder / "out"


@pytest.fixture
def results(localized, tmp_path):
    return shutil.copytree(localized, tmp_path / "results")


def test_push_keeps_receipts_and_names_nobody(archive, results, call):
    push = ("push", results, "--to", archive.url, *QUICK)
    archive.refuse["store"] = 0xA700
    code, out, err = call(*push)
    assert code == 5
    assert "6 of 6 objects failed" in one_line(err)
    assert "C-STORE failed (0xA700, " in out
    archive.refuse.clear()
    code, out, err = call(*push)
    assert (code, out.count(": stored"), archive.asked["store"]) == (0, 6, 12)
    assert [secret for secret in HIDDEN if secret in out + err] == []
    assert len(list((results / RECEIPTS).iterdir())) == 6
    code, out, _ = call(*push, "--identified")
    assert (code, out.count("done before"), archive.asked["store"]) == (0, 6, 12)
    assert "QX195603_findings.dcm" in out


def test_a_class_that_an_archive_does_not_accept_is_one_line(results, call):
    archive = SmallArchive(without="PDF")
    try:
        code, out, _ = call("push", results, "--to", archive.url, *QUICK)
    finally:
        archive.close()
    assert code == 5
    assert out.count(": stored") == 5
    assert "accepts no STORE for objects of this class and transfer syntax" in out


def test_results_without_a_patient_are_sent_on_request_only(archive, results, call, tmp_path):
    made = pydicom.dcmread(results / "QX195603_findings.dcm")
    made.PatientID = ""
    made.save_as(tmp_path / "nameless.dcm")
    push = ("push", tmp_path / "nameless.dcm", "--to", archive.url, *QUICK)
    code, _, err = call(*push)
    assert code == 3
    assert "names no patient, so the archive cannot file it" in one_line(err)
    assert archive.asked["store"] == 0
    assert call(*push, "--nameless")[0] == 0
    assert archive.asked["store"] == 1


def test_what_cannot_be_pushed_is_one_line(archive, call, tmp_path):
    (tmp_path / "note.txt").write_text("no DICOM")
    for path, code, text in (
        (tmp_path, 3, "no DICOM results; write them with retina-xai localize --dicom"),
        (tmp_path / "none", 3, "no such file or folder"),
        (tmp_path / "note.txt", 3, "is no DICOM file"),
    ):
        found, _, err = call("push", path, "--to", archive.url, *QUICK)
        assert (found, text in one_line(err)) == (code, True), err


@pytest.fixture
def web(files):
    made = SmallWebArchive(files)
    yield made
    made.close()


def test_dicomweb_pull_and_push(web, files, results, call, tmp_path):
    code, out, err = call("pull", "--from", web.url, "--patient", PATIENT_NUMBER, "--out", tmp_path / "in", *QUICK)
    assert (code, err) == (0, "")
    pulled = {one.SOPInstanceUID: one for one in map(pydicom.dcmread, (tmp_path / "in").glob("*.dcm"))}
    assert len(pulled) == len(KINDS)
    for content in files[:-1]:
        source = pydicom.dcmread(pydicom.filebase.DicomBytesIO(content))
        assert pulled[source.SOPInstanceUID] == source
        assert pulled[source.SOPInstanceUID].file_meta.TransferSyntaxUID == source.file_meta.TransferSyntaxUID
    code, again, err = call("push", results, "--to", web.url, *QUICK)
    assert (code, err, again.count(": stored"), len(web.files)) == (0, "", 6, len(files) + 6)
    assert [secret for secret in HIDDEN if secret in out + again] == []


def test_dicomweb_faults_are_one_line_without_identifiers(web, results, call, tmp_path):
    pull = ("pull", "--from", web.url, "--study", STUDY, "--out", tmp_path / "in", *QUICK)
    for status, text in (
        (401, "needs a user or token; check the address and ~/.netrc"),
        (404, "has no DICOMweb service at this path"),
        (503, "answered QIDO-RS with HTTP 503"),
    ):
        web.answers = {("GET", "/studies?"): status}
        code, _, err = call(*pull)
        assert (code, text in one_line(err), STUDY in err) == (3, True, False), err
    web.answers = {("GET", "/instances/"): 500}
    code, out, err = call(*pull)
    assert (code, "4 of 4 photographs failed" in one_line(err), STUDY in out) == (5, True, False)
    web.answers = {("POST", "/studies"): 409}
    code, out, err = call("push", results, "--to", web.url, *QUICK)
    assert (code, "STOW-RS failed (HTTP 409)" in out) == (5, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("archive:104", "expected dicom://AETITLE@host:port"),
        ("ftp://host", "expected dicom://AETITLE@host:port"),
        ("dicom://host:104", "AE title ''"),
        ("dicom://A_TITLE_THAT_IS_TOO_LONG@host", "expected 1 to 16 letters"),
        ("dicom://A@host:99999", "Port out of range"),
        ("https://user:secret@host/dicom-web", "write them into ~/.netrc"),
    ],
)
def test_an_address_that_is_none_is_refused(text, message):
    with pytest.raises(UsageError, match=message) as refused:
        ServerAddress.parse(text)
    assert "secret" not in str(refused.value)


def test_settings_and_queries_are_checked():
    with pytest.raises(UsageError, match="give --study, --patient, --accession or --date"):
        StudyQuery()
    with pytest.raises(UsageError, match="AE title"):
        ArchiveSettings(title="")
    assert "QX1" not in repr(StudyQuery(patient="QX1"))
