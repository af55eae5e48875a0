"""A small archive (PACS) on 127.0.0.1 in the process of the test, made of pynetdicom."""

from collections.abc import Callable
from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import AllTransferSyntaxes
from pynetdicom import AE, StoragePresentationContexts, build_context, evt

from retina_xai.pacs.dimse import FIND, GET, MOVE

TITLE = "ARCHIVE"
LEVELS = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}


class SmallArchive:
    """Holds data sets by SOP Instance UID; `asked` counts operations, `refuse` maps an operation to a status.

    during_get: called before C-GET is answered.
    dies_after: retrievals after which it aborts the association. without: part of the names of classes that it refuses.
    """

    def __init__(self, move_to=None, without="none"):
        self.held: dict[str, Dataset] = {}
        self.asked: dict[str, int] = {"find": 0, "get": 0, "move": 0, "store": 0}
        self.refuse: dict[str, int] = {}
        self.dies_after: int | None = None
        self.move_to = move_to
        self.during_get: Callable[[], object] = lambda: None
        entity = AE(ae_title=TITLE)
        entity.require_called_aet = True
        for one in (FIND, GET, MOVE):
            entity.add_supported_context(one)
        for context in (one for one in StoragePresentationContexts if without not in one.abstract_syntax.name):
            entity.add_supported_context(context.abstract_syntax, AllTransferSyntaxes, scu_role=True, scp_role=True)
        handlers = [
            (evt.EVT_C_FIND, self._find),
            (evt.EVT_C_GET, self._get),
            (evt.EVT_C_MOVE, self._move),
            (evt.EVT_C_STORE, self._store),
        ]
        self.server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port = self.server.socket.getsockname()[1]
        self.url = f"dicom://{TITLE}@127.0.0.1:{self.port}"

    def add(self, content: bytes) -> None:
        """Hold a file."""
        dataset = dcmread(BytesIO(content))
        self.held[str(dataset.SOPInstanceUID)] = dataset

    def close(self) -> None:
        """End the server."""
        self.server.shutdown()

    def _matches(self, keys):
        for one in self.held.values():
            if all(
                str(one.get(element.keyword, "")) == str(element.value)
                for element in keys
                if element.value and element.keyword != "QueryRetrieveLevel"
            ):
                yield one

    def _begin(self, what):
        self.asked[what] += 1
        return self.refuse.get(what)

    def _find(self, event):
        if (status := self._begin("find")) is not None:
            yield status, None
            return
        keys, seen = event.identifier, set()
        level = LEVELS[keys.QueryRetrieveLevel]
        for one in self._matches(keys):
            if one[level].value not in seen:
                seen.add(one[level].value)
                answer = Dataset()
                for element in keys:
                    setattr(answer, element.keyword, one.get(element.keyword, element.value))
                yield 0xFF00, answer

    def _get(self, event):
        if (status := self._begin("get")) is not None:
            yield 1
            yield status, None
            return
        self.during_get()
        if self.dies_after is not None and self.asked["get"] > self.dies_after:
            event.assoc.abort()
            return
        found = list(self._matches(event.identifier))
        yield len(found)
        for one in found:
            yield 0xFF00, one

    def _move(self, event):
        self._begin("move")
        found = list(self._matches(event.identifier))
        contexts = [build_context(one.SOPClassUID, one.file_meta.TransferSyntaxUID) for one in found]
        yield ("127.0.0.1", self.move_to, {"contexts": contexts}) if self.move_to else (None, None)
        yield len(found)
        for one in found:
            yield 0xFF00, one

    def _store(self, event):
        if (status := self._begin("store")) is not None:
            return status
        self.add(event.encoded_dataset())
        return 0x0000
