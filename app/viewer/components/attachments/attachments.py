"""Bytes from Python to the page, where other components find them under their SHA-256.

A component of its own carries them, so that a rerun that changes a few numbers of the canvas sends no picture again:
Streamlit sends an unchanged message by its hash only. The format of a message: length of the header (4 bytes, little
endian), header (JSON: [name, length] of each attachment), the attachments one after another.
"""

import hashlib
import json
import struct
from collections.abc import Iterable
from pathlib import Path

from retina_xai.app.viewer.components.component import client_component

_carrier = client_component(Path(__file__).parent)


def send_attachments(key: str, attachments: Iterable[bytes]) -> None:
    """Send these bytes in place of those that were sent under this key before."""
    _carrier(key=key, data=packed(attachments))


def attachment_name(attachment: bytes) -> str:
    """The name under which the page knows these bytes: their SHA-256."""
    return hashlib.sha256(attachment).hexdigest()


def packed(attachments: Iterable[bytes]) -> bytes:
    """Attachments as one message, each once."""
    unique = {attachment_name(attachment): attachment for attachment in attachments}
    header = json.dumps([[name, len(attachment)] for name, attachment in unique.items()]).encode()
    return struct.pack("<I", len(header)) + header + b"".join(unique.values())
