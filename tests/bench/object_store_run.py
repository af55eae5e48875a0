"""A batch on two worker processes from and to an object store, killed once, compared with one process on a disk.

    python tests/bench/object_store_run.py --folder FOLDER --count 20

The store is moto on the loopback interface. The run is killed with SIGKILL; the next is refused until the lease of the
killed one has expired (90 s), and then goes on. The results must be equal byte for byte. At last the store is stopped
during a run, which must end with one line.
"""

import argparse
import logging
import os
import time
from pathlib import Path

import s3fs
from disturbed_run import BAD, Run, everything, prepared, show
from moto.server import ThreadedMotoServer

from retina_xai.app.batch.manifest import MANIFEST_FILE
from retina_xai.io.leases import EXPIRY
from retina_xai.io.stores import as_path

BUCKET = "archive"


def found_in(files: s3fs.S3FileSystem, prefix: str) -> dict[str, bytes]:
    """All objects below a prefix but the manifest."""
    names = [key for key in files.find(prefix) if not key.endswith(MANIFEST_FILE)]
    return {key.removeprefix(f"{prefix}/"): files.cat_file(key) for key in names}


def main() -> None:
    """Run and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--count", type=int, default=20)
    chosen = parser.parse_args()
    folder, count = chosen.folder.absolute(), chosen.count
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    os.environ.update({"AWS_ENDPOINT_URL": f"http://{host}:{port}", **keys})
    files = s3fs.S3FileSystem(use_listings_cache=False)
    files.mkdir(BUCKET)
    local = [*prepared(folder, count), "--method", "saliency"]
    for path in sorted((folder / "data").iterdir()):
        files.put_file(str(path), f"{BUCKET}/data/{path.name}")
    remote = [f"s3://{BUCKET}/data" if part == str(folder / "data") else part for part in local]
    codes = [Run(local, folder / "whole", folder / "whole.log", workers=False).end()]
    out = as_path(f"s3://{BUCKET}/out")
    first = Run(remote, out, folder / "first.log", workers=True)
    first.at(count // 2, Run.kill)
    codes.append(Run(remote, out, folder / "refused.log", workers=True).end())
    time.sleep(EXPIRY)
    last = Run(remote, out, folder / "last.log", workers=True)
    codes.append(last.end())
    expected, found = everything(folder / "whole"), found_in(files, f"{BUCKET}/out")
    again = set(first.computed()) & set(last.computed())
    show(f"objects: {len(found)}, equal to the files of one process: {found == expected}; computed twice: {len(again)}")
    files.rm(f"{BUCKET}/out", recursive=True)
    lost = Run(remote, out, folder / "lost.log", workers=True)
    lost.at(count // 2, lambda run: server.stop())
    codes.append(lost.end())
    show(f"exit codes {codes} (expected [5, 2, 5, 3]); {len(BAD)} bad files")


if __name__ == "__main__":
    main()
