"""Orthanc as an engine: `python -m conformance.kit.orthanc IN OUT` starts one, and asks its REST interface.

Each patient is anonymized with what Orthanc does when it is asked for nothing special.
"""

from __future__ import annotations

import http.client
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.peers import running_orthanc

if TYPE_CHECKING:
    from tests.peers import Orthanc


def post(server: Orthanc, path: str, body: bytes) -> Any:
    """Post to its REST interface; anything but 200 is an OSError."""
    connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=120)
    try:
        connection.request("POST", path, body)
        answer = connection.getresponse()
        if answer.status != http.HTTPStatus.OK:
            raise OSError(f"{path}: {answer.status}")
        return json.loads(answer.read())
    finally:
        connection.close()


def main(source: Path, out: Path) -> int:
    """Put every file of `source` in, and write what comes out; exit code 1 where something was refused."""
    failed = 0
    with running_orthanc() as server:
        for path in sorted(source.iterdir()):
            try:
                post(server, "/instances", path.read_bytes())
            except OSError:
                failed += 1
        for patient in server.json("/patients"):
            made = post(server, f"/patients/{patient}/anonymize", b"{}")
            for instance in server.json(f"/patients/{made['ID']}/instances"):
                (out / f"{instance['ID']}.dcm").write_bytes(server.file(instance["ID"]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
