"""Patient data in a file's metadata and name stay out of results, logs and what leaves in the de-identified mode."""

import json
import logging
import socket
from dataclasses import replace
from datetime import UTC, datetime

import pypdfium2
import pytest
import tifffile
from helpers import network_guard
from helpers.command_line import command
from helpers.page_session import PageSession
from helpers.readings import READING
from helpers.viewer_process import start
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from retina_xai.app.readings.export import EXPORTS, deidentified, export_bytes
from retina_xai.app.readings.model import ImageFile
from retina_xai.app.readings.pdf_report import Report, pdf_bytes
from retina_xai.app.viewer.jobs import Worker
from retina_xai.io.images import read_image
from retina_xai.localization import predict
from retina_xai.models.checkpoint import load_classifier
from retina_xai.records import run_facts
from retina_xai.training.phantoms.phantom import make_phantom

PATIENT = "Quixley^Ottoline 19560304"
NAME = "Brandauer_Zephyrine"
READER, COMMENT = "Dr Pimpernel", "seen with Ms Wolverhampton"
SECRETS = ("Quixley", "Ottoline", "19560304")
EXIF_TEXTS = (0x010E, 0x013B, 0x8298)
"""ImageDescription, Artist, Copyright."""


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A photograph as JPEG, PNG and TIFF with a patient's name and date of birth in the metadata and the file name."""
    folder = tmp_path_factory.mktemp("planted")
    picture = Image.fromarray(make_phantom(3, 288, 352, grade=3).pixels)
    exif = picture.getexif()
    for tag in EXIF_TEXTS:
        exif[tag] = PATIENT
    exif.get_ifd(0x8769)[0x9286] = PATIENT.encode()  # UserComment
    picture.save(folder / f"{NAME}_left.jpg", exif=exif, comment=PATIENT.encode(), quality=95)
    text = PngInfo()
    text.add_text("PatientName", PATIENT)
    picture.save(folder / f"{NAME}_right.png", exif=exif, pnginfo=text)
    tifffile.imwrite(folder / f"{NAME}.tif", picture, photometric="rgb", description=PATIENT, software=PATIENT)
    assert all(b"Quixley" in path.read_bytes() for path in folder.iterdir())
    return folder


def told(content, *secrets):
    """The secrets that a file or a text holds."""
    found = content if isinstance(content, bytes) else content.encode()
    return [secret for secret in secrets if secret.encode() in found]


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict", "--out", "scores.csv", "--weights", "{weights}"),
        ("localize", "--out", "results", "--weights", "{weights}", "--method", "saliency"),
    ],
)
def test_metadata_of_a_patient_reach_no_result_and_no_log(planted, weights, tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RETINA_XAI_DEBUG", "1")
    name, *options = (argument.format(weights=weights) for argument in arguments)
    code, out, err = command(monkeypatch, capsys)(name, planted, *options)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert code == 0
    assert written
    assert told(out + err, *SECRETS) == []
    assert {path.name: told(path.read_bytes(), *SECRETS) for path in written if told(path.read_bytes(), *SECRETS)} == {}


@pytest.fixture(scope="module")
def reading(planted, weights):
    """A reading of a planted photograph, its pixels, and the facts of the weights."""
    photograph, classifier = read_image(planted / f"{NAME}_left.jpg"), load_classifier(weights)
    facts = run_facts(classifier, "saliency", {})
    made = replace(
        READING,
        number=1,
        reader=READER,
        comment=COMMENT,
        image=ImageFile.of(photograph),
        model_sha256=classifier.sha256,
        verdict=predict(photograph, classifier),
    )
    return made, photograph.pixels, facts


HIDDEN = (*SECRETS, "Brandauer", "Zephyrine", "Pimpernel", "Wolverhampton")


@pytest.mark.parametrize("kind", EXPORTS)
def test_deidentified_exports_name_neither_patient_nor_reader(reading, kind):
    content = export_bytes(deidentified([reading[0]]), kind)
    assert told(content, *HIDDEN) == []
    assert reading[0].image.sha256.encode() in content
    assert told(export_bytes([reading[0]], kind), "Brandauer") == ["Brandauer"], "the plain export names the file"
    assert told(export_bytes([reading[0]], kind), *SECRETS) == []


def test_a_deidentified_pdf_names_neither_patient_nor_reader(reading):
    (hidden,) = deidentified([reading[0]])
    content = pdf_bytes(Report(hidden, reading[1], reading[1], reading[2], datetime.now(UTC)))
    document = pypdfium2.PdfDocument(content)
    text = "".join(document[number].get_textpage().get_text_bounded() for number in range(len(document)))
    facts = json.dumps(document.get_metadata_dict())
    document.close()
    assert hidden.image.sha256[:16] in text
    assert told(content + text.encode() + facts.encode(), *HIDDEN) == []


def test_the_log_of_the_viewer_names_no_patient(planted, weights, tmp_path):
    viewer = start(tmp_path, weights, "--data", planted)
    try:
        with PageSession(viewer) as page:
            assert page.put(f"{NAME}.jpg", b"no photograph") == 204
            assert page.shows(f"{NAME}.jpg: is text", f"{NAME}_left.jpg", "4 photographs")
    finally:
        viewer.stop()
    assert told((tmp_path / "log.txt").read_bytes(), *SECRETS, "Brandauer") == []
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert [path for path in kept if told(path.read_bytes(), *SECRETS, "Brandauer")] == []


def test_an_unexpected_error_of_a_job_is_logged_without_its_text(caplog):
    def stumble(_):
        raise KeyError(f"{NAME}.jpg")

    with caplog.at_level(logging.INFO):
        job = Worker().submit(stumble)
        while not job.ended:
            pass
    assert told(caplog.text + job.error, NAME) == []
    assert job.error.startswith("internal error (KeyError)")


@pytest.mark.parametrize(
    "reach",
    [
        lambda: socket.create_connection(("192.0.2.1", 9), timeout=1),
        lambda: socket.getaddrinfo("example.org", 80),
        lambda: socket.socket(type=socket.SOCK_DGRAM).connect(("192.0.2.1", 9)),
        lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b"", ("2001:db8::1", 9)),
    ],
)
def test_no_test_of_this_suite_can_reach_beyond_this_machine(reach):
    with pytest.raises(network_guard.OutsideConnection, match="must not reach beyond this machine"):
        reach()
    assert len(network_guard.outside) == 1
    network_guard.outside.clear()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost", "", None, b"127.0.0.1", 3])
def test_the_loopback_and_sockets_of_the_kernel_are_allowed(host):
    assert network_guard.is_inside(host)
