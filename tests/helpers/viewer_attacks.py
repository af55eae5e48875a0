"""Attacks on a viewer, as a script, so that it can run in a network namespace that holds nothing but the loopback.

    python -m helpers.viewer_attacks FOLDER WEIGHTS

writes FOLDER/attacked.json: for each attack its status, and every address that the viewer asked for or connected to.
"""

import json
import sys
from pathlib import Path

from helpers.raw_requests import ROUTES, plain, request, websocket
from helpers.viewer_process import start

WATCHED = """
import os, sys

EVENTS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg")

def watch(event, arguments):
    if event in EVENTS:
        with open(os.environ["CONNECTIONS"], "a", encoding="utf-8") as log:
            print(event, *arguments, file=log)

sys.addaudithook(watch)
from retina_xai.app.cli.entry_point import main
main()
"""
"""Runs the command line and notes every connection and every look-up of a name."""

FOREIGN = "evil.example"


def attacks(port):
    """Statuses by attack, as the pages of other sites and a rebound name can make them."""
    own, foreign = f"127.0.0.1:{port}", f"{FOREIGN}:{port}"
    hosts = (foreign, FOREIGN, "127.0.0.1", f"127.0.0.1:{port + 1}", f"127.0.0.1.{foreign}", f"user@{own}", "")
    origins = (f"http://{FOREIGN}", f"http://{foreign}", f"https://{own}", f"http://127.0.0.1:{port + 1}", "null")
    found = {f"{path} Host {host!r}": plain(port, path, host) for path in ROUTES for host in (foreign, hosts[2])}
    found |= {f"{path} Origin": plain(port, path, own, ("Origin", origins[0])) for path in ROUTES}
    found |= {f"WebSocket Host {host!r}": websocket(port, host) for host in hosts}
    found |= {
        f"WebSocket Host and Origin {host!r}": websocket(port, host, ("Origin", f"http://{host}")) for host in hosts
    }
    found |= {f"WebSocket Origin {origin!r}": websocket(port, own, ("Origin", origin)) for origin in origins}
    found["WebSocket Origin [::1]"] = websocket(port, own, ("Origin", f"http://[::1]:{port}"))
    found["no Host"] = request(port, "/", [("Connection", "close")])[0]
    found["two Hosts"] = request(port, "/", [("Host", own), ("Host", foreign), ("Connection", "close")])[0]
    found["two Origins"] = websocket(port, own, ("Origin", f"http://{own}"), ("Origin", f"http://{FOREIGN}"))
    found["PUT"] = request(port, ROUTES[5], [("Host", foreign), ("Connection", "close")], "PUT")[0]
    return found


def own_requests(port):
    """Statuses of what the pages of the viewer do themselves, under each of its names."""
    found = {}
    for name in ("127.0.0.1", "localhost", "[::1]"):
        host = f"{name}:{port}"
        found[f"{name} page"] = plain(port, "/", host)
        found[f"{name} WebSocket"] = websocket(port, host, ("Origin", f"http://{host}"))
        found[f"{name} no Origin"] = websocket(port, host)
    return found


def listening(process, port):
    """Addresses at which the process waits for connections to this port, as /proc writes them."""
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{process}/net/{table}").read_text(encoding="utf-8").splitlines()[1:]:
            address, state = line.split()[1], line.split()[3]
            found += [address] if state == "0A" and int(address.partition(":")[2], 16) == port else []
    return found


def main(folder, weights):
    log = folder / "connections.txt"
    log.touch()
    viewer = start(folder, weights, entry=("-c", WATCHED), CONNECTIONS=str(log))
    try:
        found = {"own": own_requests(viewer.port), "attacks": attacks(viewer.port)}
        found["listening"] = listening(viewer.process.pid, viewer.port)
    finally:
        viewer.stop()
    found["connections"] = log.read_text(encoding="utf-8").splitlines()
    (folder / "attacked.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
