"""A small DICOMweb server on 127.0.0.1 in the process of the test: QIDO-RS, WADO-RS and STOW-RS for one study."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

from pydicom import dcmread
from pydicom.dataset import Dataset

LISTED = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")


class SmallWebArchive:
    """Holds files by SOP Instance UID; `answers` maps a method ("GET", "POST") and part of a path to an HTTP status."""

    def __init__(self, files=()):
        self.files = {str(dcmread(BytesIO(one)).SOPInstanceUID): one for one in files}
        self.answers: dict[tuple[str, str], int] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self.url = f"http://127.0.0.1:{self.server.server_port}/dicom-web"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """End the server."""
        self.server.shutdown()
        self.server.server_close()


def _handler_of(archive):
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def answer(self, status, content=b"", kind="application/dicom+json"):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def refused(self):
            for (method, part), status in archive.answers.items():
                if method == self.command and part in self.path:
                    self.answer(status)
                    return True
            return False

        def do_GET(self):
            if self.refused():
                return
            parts = urlsplit(self.path).path.split("/")[2:]
            if parts[-1] in ("studies", "instances"):
                self.listed(parts)
            elif content := archive.files.get(parts[-1]):
                body = b"--part\r\nContent-Type: application/dicom\r\n\r\n" + content + b"\r\n--part--\r\n"
                self.answer(200, body, 'multipart/related; type="application/dicom"; boundary=part')
            else:
                self.answer(404)

        def listed(self, parts):
            wanted = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            if parts[-1] == "instances":
                wanted["StudyInstanceUID"] = parts[1]
            found, seen = [], set()
            for one in (dcmread(BytesIO(content)) for content in archive.files.values()):
                fits = all(str(one.get(key, "")) == value for key, value in wanted.items() if key[0].isupper())
                name = str(one.StudyInstanceUID if parts[-1] == "studies" else one.SOPInstanceUID)
                if fits and name not in seen and wanted.get("offset", "0") == "0":
                    seen.add(name)
                    listed = Dataset()
                    for key in LISTED:
                        setattr(listed, key, one.get(key))
                    found.append(listed.to_json_dict())
            self.answer(200, json.dumps(found).encode())

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.refused():
                return
            content = body[body.index(b"\r\n\r\n") + 4 : body.rindex(b"\r\n--")]
            archive.files[str(dcmread(BytesIO(content)).SOPInstanceUID)] = content
            self.answer(200, json.dumps(Dataset().to_json_dict()).encode())

    return Handler
