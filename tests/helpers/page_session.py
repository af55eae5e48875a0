"""A session at the viewer without a browser: it speaks the protocol of Streamlit's pages, so it can send anything."""

import http.client
import time
from uuid import uuid4

from helpers.viewer_process import HOST, PATIENCE
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import UploadedFileInfo
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

TOKEN = "_streamlit_xsrf"
BOUNDARY = "retina-xai-boundary"


class PageSession:
    """One open page; use it as a context manager. `shown` is all that the last run of the script sent."""

    def __init__(self, viewer):
        self.port, self.shown, self.name, self._uploader = viewer.port, b"", "", ""
        self._files: list[UploadedFileInfo] = []
        self._token = self._new_token()
        self._open = connect(
            f"ws://{HOST}:{self.port}/_stcore/stream", origin=viewer.address, subprotocols=["streamlit"], max_size=None
        )

    def __enter__(self):
        self._socket = self._open.__enter__()
        self.run()
        return self

    def __exit__(self, *error):
        self._open.__exit__(*error)

    def run(self):
        """Run the script with the uploads so far."""
        message, parts, kind = BackMsg(), [], ""
        message.rerun_script.query_string = ""
        if self._files:
            state = message.rerun_script.widget_states.widgets.add(id=self._uploader)
            state.file_uploader_state_value.uploaded_file_info.extend(self._files)
        self._socket.send(message.SerializeToString())
        while kind != "script_finished":
            parts.append(self._socket.recv(timeout=PATIENCE))
            answer = ForwardMsg.FromString(parts[-1])
            kind = answer.WhichOneof("type")
            if kind == "new_session":
                self.name = answer.new_session.initialize.session_id
            elif kind == "delta" and answer.delta.new_element.WhichOneof("type") == "file_uploader":
                self._uploader = answer.delta.new_element.file_uploader.id
        self.shown = b"".join(parts)

    def shows(self, *texts):
        """Run until all texts are shown, as the page does while photographs are scored; False after a while."""
        ends = time.monotonic() + PATIENCE
        while not all(text.encode() in self.shown for text in texts) and time.monotonic() < ends:
            time.sleep(0.1)
            self.run()
        return all(text.encode() in self.shown for text in texts)

    def put(self, name, content, token=True):
        """Send a file; returns the status. It becomes part of the page at the next run."""
        place = f"/_stcore/upload_file/{self.name}/{uuid4()}"
        disposition = f'Content-Disposition: form-data; name="file"; filename="{name}"'
        body = f"--{BOUNDARY}\r\n{disposition}\r\n\r\n".encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        if token:
            headers |= {"Cookie": f"{TOKEN}={self._token}", "X-Xsrftoken": self._token}
        status = self._answer("PUT", place, body, headers).status
        if status == http.client.NO_CONTENT:
            info = UploadedFileInfo(file_id=place.rpartition("/")[2], name=name, size=len(content))
            info.file_urls.upload_url = info.file_urls.delete_url = place
            info.file_urls.file_id = info.file_id
            self._files.append(info)
        return status

    def _new_token(self):
        cookie = self._answer("GET", "/_stcore/health").getheader("Set-Cookie")
        return next(part.partition("=")[2] for part in cookie.split("; ") if part.startswith(TOKEN))

    def _answer(self, method, place, body=None, headers=None):
        connection = http.client.HTTPConnection(HOST, self.port, timeout=PATIENCE)
        connection.request(method, place, body, headers or {})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer
