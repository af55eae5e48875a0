"""An archive by DICOMweb (PS3.18: QIDO-RS, WADO-RS, STOW-RS), with dicomweb-client.

User and password are read from ~/.netrc (or the file that NETRC names), a token from the variable
RETINA_XAI_DICOMWEB_TOKEN, so that neither is on a command line or in a settings file.
"""

import os
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import requests
from dicomweb_client import DICOMwebClient
from pydicom import dcmread
from pydicom.dataset import Dataset

from retina_xai.errors import InputError, ServerError
from retina_xai.pacs.archive import ArchiveSettings, RemoteObject, ServerAddress, StudyQuery

BEARER = "RETINA_XAI_DICOMWEB_TOKEN"
"""The variable of the environment that holds a bearer token."""

REFUSED = {401: "needs a user or token", 403: "refuses this user", 404: "has no DICOMweb service at this path"}
"""Answers that concern the whole server."""


class WebArchive:
    """An `archive.Archive` at http(s)://host/path."""

    def __init__(self, address: ServerAddress, settings: ArchiveSettings) -> None:
        self._address, self._settings = address, settings
        self._session = requests.Session()
        if token := os.environ.get(BEARER):
            self._session.headers["Authorization"] = f"Bearer {token}"
        self._client = DICOMwebClient(address.url, self._session, timeout=settings.timeout)
        self._client.set_http_retry_params(retry=False)

    def find(self, query: StudyQuery) -> list[RemoteObject]:
        """See `archive.Archive`."""
        studies = self._asked(
            lambda: self._client.search_for_studies(search_filters=query.keys(), get_remaining=True), "QIDO-RS", True
        )
        found: list[RemoteObject] = []
        for study in map(Dataset.from_json, studies):
            uid = str(study.StudyInstanceUID)
            objects = self._asked(partial(self._client.search_for_instances, uid, get_remaining=True), "QIDO-RS", True)
            for one in map(Dataset.from_json, objects):
                uids = (uid, str(one.SeriesInstanceUID), str(one.SOPInstanceUID))
                found.append(RemoteObject(*uids, str(one.get("SOPClassUID") or "")))
        return [one for one in found if query.wants(one.sop_class)]

    def fetch(self, wanted: RemoteObject) -> bytes:
        """See `archive.Archive`."""
        made = self._asked(
            lambda: self._client.retrieve_instance(wanted.study, wanted.series, wanted.uid), "WADO-RS", False
        )
        stream = BytesIO()
        made.save_as(stream, enforce_file_format=True)
        return stream.getvalue()

    def store(self, path: Path) -> None:
        """See `archive.Archive`."""
        dataset = dcmread(path)
        answer = self._asked(lambda: self._client.store_instances([dataset]), "STOW-RS", False)
        if failed := answer.get("FailedSOPSequence"):
            reason = int(failed[0].get("FailureReason") or 0)
            raise InputError(f"{self._address}: STOW-RS failed (0x{reason:04X}); the object was not stored")

    def close(self, *, at_once: bool = False) -> None:
        """See `archive.Archive`."""
        self._session.close()

    def _asked(self, call: Callable[[], Any], what: str, whole: bool) -> Any:
        """The answer to a request; `whole` if a failure concerns the server and not one object.

        Messages of requests hold the URL with its identifiers, so they are not quoted.
        """
        try:
            return call()
        except requests.HTTPError as error:
            code = error.response.status_code if error.response is not None else 0
            if whole or code in (401, 403):
                said = REFUSED.get(code, f"answered {what} with HTTP {code}")
                raise ServerError(f"{self._address}: {said}; check the address and ~/.netrc") from None
            raise InputError(f"{self._address}: {what} failed (HTTP {code})") from None
        except requests.Timeout:
            raise ServerError(
                f"{self._address}: was silent for {self._settings.timeout:g} s during {what}; what is done is kept, "
                "run again to go on"
            ) from None
        except requests.RequestException as error:
            kind = type(error).__name__
            raise ServerError(
                f"{self._address}: the connection failed during {what} ({kind}); check the address; what is done is "
                "kept, run again to go on"
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            kind = type(error).__name__
            raise InputError(f"{self._address}: answered {what} with something else than DICOM ({kind})") from None
