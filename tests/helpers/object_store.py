"""An object store (moto) on the loopback interface, for tests."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from retina_xai.app.batch.manifest import MANIFEST_FILE

s3fs = pytest.importorskip("s3fs", reason="needs the extra 'cloud'")
moto_server = pytest.importorskip("moto.server")

BUCKET = "archive"


class SmallStore:
    """A store with one bucket; `url` is its address."""

    def __init__(self) -> None:
        self._server = moto_server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.url = f"http://{host}:{port}"
        self.files.mkdir(BUCKET)

    @property
    def files(self) -> Any:
        """Its file system, without any memory of what was there."""
        return s3fs.S3FileSystem(endpoint_url=self.url, key="a", secret="b", use_listings_cache=False)

    def upload(self, folder: Path, prefix: str) -> str:
        """Copy a folder to the bucket; returns its place."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.files.put_file(str(path), f"{BUCKET}/{prefix}/{path.relative_to(folder)}")
        return f"s3://{BUCKET}/{prefix}"

    def everything(self, prefix: str) -> dict[Path, bytes]:
        """All objects below a prefix but the manifest, as `batches.everything` has them."""
        start = f"{BUCKET}/{prefix}/"
        found = (key for key in self.files.find(start) if not key.endswith(MANIFEST_FILE))
        return {Path(key.removeprefix(start)): self.files.cat_file(key) for key in found}

    def close(self) -> None:
        """Stop it."""
        self._server.stop()


def environment(store: SmallStore) -> Mapping[str, str]:
    """What a client of the store is told."""
    return {
        "AWS_ENDPOINT_URL": store.url,
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def forget_clients() -> None:
    """The next client asks the environment again."""
    s3fs.S3FileSystem.clear_instance_cache()


@contextmanager
def small_store() -> Iterator[SmallStore]:
    """A store for the `with` block."""
    store = SmallStore()
    try:
        yield store
    finally:
        store.close()
