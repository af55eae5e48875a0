"""The round trip of `test_archives` with servers of others: dcmtk's dcmqrscp, and Orthanc with its DICOMweb plugin."""

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.command_line import command
from helpers.dicom_files import STUDY, content_as, photograph

from retina_xai.training.phantoms.phantom import make_phantom

EYE = make_phantom(3, 288, 352, grade=3).pixels
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
USER = "reader", "secret"
SECONDS = 60


def free_ports(number):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def wait_for(port, process):
    """Until a server listens."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, "the server ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"no server within {SECONDS} s")


@pytest.fixture(scope="module")
def dcmqrscp(tmp_path_factory):
    """Address, and the port that it sends C-MOVE to."""
    if shutil.which("dcmqrscp") is None:
        pytest.skip("dcmqrscp (Debian's dcmtk) is not installed")
    folder, (port, move) = tmp_path_factory.mktemp("dcmqrscp"), free_ports(2)
    (folder / "store").mkdir()
    (folder / "second").mkdir()
    (folder / "settings.cfg").write_text(
        "MaxPDUSize = 16384\nMaxAssociations = 16\n"
        f"HostTable BEGIN\nus = (RETINA_XAI, 127.0.0.1, {move})\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nARCHIVE {folder / 'store'} RW (50, 512mb) ANY\n"
        f"SECOND {folder / 'second'} RW (50, 512mb) ANY\nAETable END\n"
    )
    command_line = ["dcmqrscp", "-c", folder / "settings.cfg", "+xy", "-xy", str(port)]  # also JPEG, both ways
    process = subprocess.Popen(command_line, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        yield f"dicom://ARCHIVE@127.0.0.1:{port}", move
    finally:
        process.terminate()
        process.wait(SECONDS)


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory):
    """Addresses of the DICOM protocol and of DICOMweb, and the port that it sends C-MOVE to."""
    if shutil.which("Orthanc") is None or not PLUGIN.exists():
        pytest.skip("Orthanc with its DICOMweb plugin (Debian's orthanc, orthanc-dicomweb) is not installed")
    folder, (port, web, move) = tmp_path_factory.mktemp("orthanc"), free_ports(3)
    settings = {
        **{name: str(folder / "store") for name in ("StorageDirectory", "IndexDirectory")},
        **{"DicomPort": port, "DicomAet": "ARCHIVE", "DicomCheckCalledAet": True, "HttpPort": web},
        **{"RemoteAccessAllowed": False, "AuthenticationEnabled": True, "RegisteredUsers": dict([USER])},
        **{"DicomModalities": {"us": ["RETINA_XAI", "127.0.0.1", move]}, "Plugins": [str(PLUGIN)]},
        **{"DicomWeb": {"Enable": True, "Root": "/dicom-web/"}, "DicomAlwaysAllowGet": True},
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(["Orthanc", folder / "settings.json"], stdout=log, stderr=log)
        try:
            wait_for(web, process)
            wait_for(port, process)
            yield f"dicom://ARCHIVE@127.0.0.1:{port}", f"http://127.0.0.1:{web}/dicom-web", move
        finally:
            process.terminate()
            process.wait(SECONDS)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Three photographs of a study, the last one compressed."""
    folder = tmp_path_factory.mktemp("photographs")
    for number, kind in enumerate(("explicit", "implicit", "JPEG"), start=1):
        made = photograph(np.roll(EYE, number, axis=1), number)
        (folder / f"{number}.dcm").write_bytes(content_as(made, kind))
    return folder


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login {USER[0]} password {USER[1]}\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    return command(monkeypatch, capsys)


@pytest.fixture(scope="module")
def results(photographs, weights, tmp_path_factory):
    """The identified objects of the first photograph."""
    from retina_xai.app.batch.localize import LocalizeRun, localize_batch
    from retina_xai.app.batch.photographs import PhotographReader
    from retina_xai.models.checkpoint import load_classifier

    out, reader = tmp_path_factory.mktemp("results"), PhotographReader(identified=True)
    run = LocalizeRun(load_classifier(weights), out, "saliency", True, reader=reader, dicom=True)
    localize_batch([photographs / "1.dcm"], run, lambda *_: None)
    return out


def check_round_trip(call, server, photographs, results, folder, *move):
    """Store photographs (a folder), pull them, push results, and find everything again as it was."""
    sent = sorted(photographs.glob("*.dcm"))
    code, out, err = call("push", *sent, "--to", server)
    assert (code, err) == (0, ""), out
    pull = ("pull", "--from", server, "--study", STUDY, *move)
    code, out, err = call(*pull, "--out", folder / "in")
    assert (code, err) == (0, ""), out
    pulled = uids_and_pixels(folder / "in")  # also overlays that an earlier test stored
    assert pulled.items() >= uids_and_pixels(photographs).items()
    shutil.copytree(results, folder / "out")
    assert call("push", folder / "out", "--to", server)[0] == 0
    code, out, err = call(*pull, "--everything", "--out", folder / "again")
    assert (code, err) == (0, ""), out
    found = {one.SOPInstanceUID: one for one in map(pydicom.dcmread, (folder / "again").glob("*.dcm"))}
    for path in results.glob("*.dcm"):
        made = pydicom.dcmread(path)
        again = found[made.SOPInstanceUID]
        assert again.get("PixelData") == made.get("PixelData")
        assert again.get("ContentSequence") == made.get("ContentSequence")
        assert again.get("EncapsulatedDocument") == made.get("EncapsulatedDocument")
    code, out, _ = call("pull", "--from", server, "--patient", "NOBODY", "--out", folder / "none")
    assert code == 3


def uids_and_pixels(folder):
    return {one.SOPInstanceUID: one.PixelData for one in map(pydicom.dcmread, folder.glob("*.dcm"))}


def test_dcmqrscp_by_c_get(dcmqrscp, call, photographs, results, tmp_path):
    check_round_trip(call, dcmqrscp[0], photographs, results, tmp_path)


def test_dcmqrscp_by_c_move(dcmqrscp, call, photographs, results, tmp_path):
    native = tmp_path / "native"  # it sends by C-MOVE only what fits into its first context
    native.mkdir()
    for number in (1, 2):
        shutil.copy(photographs / f"{number}.dcm", native)
    server = dcmqrscp[0].replace("ARCHIVE", "SECOND")
    check_round_trip(call, server, native, results, tmp_path, "--move", dcmqrscp[1])


def test_orthanc_by_c_get(orthanc, call, photographs, results, tmp_path):
    check_round_trip(call, orthanc[0], photographs, results, tmp_path)


def test_orthanc_by_c_move(orthanc, call, photographs, results, tmp_path):
    check_round_trip(call, orthanc[0], photographs, results, tmp_path, "--move", orthanc[2])


def test_orthanc_by_dicomweb(orthanc, call, photographs, results, tmp_path):
    check_round_trip(call, orthanc[1], photographs, results, tmp_path)


def test_orthanc_refuses_other_titles_and_users(orthanc, call, tmp_path, monkeypatch):
    pull = ("pull", "--study", STUDY, "--out", tmp_path / "in", "--from")
    code, _, err = call(*pull, orthanc[0].replace("ARCHIVE", "OTHER"))
    assert code == 3
    assert "refused the association (Called AE title not recognised); check its AE title" in err
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    code, _, err = call(*pull, orthanc[1])
    assert code == 3
    assert "needs a user or token; check the address and ~/.netrc" in err
