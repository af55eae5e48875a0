"""The format in which attachments travel."""

import hashlib
import json
import struct

from retina_xai.app.viewer.components.attachments.attachments import packed


def test_packed_attachments_are_unpacked_by_their_header_and_each_travels_once():
    attachments = [b"first", b"", b"second picture", b"first"]
    message = packed(attachments)
    (length,) = struct.unpack("<I", message[:4])
    start, found = 4 + length, {}
    for name, size in json.loads(message[4:start]):
        found[name] = message[start : start + size]
        start += size
    assert start == len(message)
    assert found == {hashlib.sha256(attachment).hexdigest(): attachment for attachment in attachments}
