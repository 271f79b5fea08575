"""An archive and a sender for machines that have none, by pynetdicom, in processes of their own.

``python -m dicomanon.demo.peer store FOLDER TITLE`` receives, ``... send PORT TITLE FILE...`` sends.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, evt
from pynetdicom import _config as library
from pynetdicom.dsutils import split_dataset


def _store(event: Any, folder: Path) -> int:
    # The library deletes its own name for the file afterwards.
    os.link(event.dataset_path, folder / f"{event.request.AffectedSOPInstanceUID}.dcm")
    return 0x0000


def store(folder: Path, title: str) -> None:
    """Store what arrives in `folder` until the process is ended; say the port on standard output."""
    library.STORE_RECV_CHUNKED_DATASET = True
    tempfile.tempdir = str(folder.parent)  # the library has no other setting for where it writes
    entity: Any = AE(ae_title=title)
    entity.supported_contexts = []
    for context in AllStoragePresentationContexts:
        entity.add_supported_context(context.abstract_syntax, ALL_TRANSFER_SYNTAXES)
    handlers = [(evt.EVT_C_STORE, _store, [folder])]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


def send(port: int, title: str, files: list[Path]) -> int:
    """Send files as they are; return how many the node did not answer with success for."""
    library.STORE_SEND_CHUNKED_DATASET = True
    entity: Any = AE(ae_title="DEMOSCANNER")
    for kind in dict.fromkeys(_kind(path) for path in files):
        entity.add_requested_context(*kind)
    association = entity.associate("127.0.0.1", port, ae_title=title)
    if not association.is_established:
        return len(files)
    answers = [association.send_c_store(path) for path in files]
    association.release()
    return sum("Status" not in answer or answer.Status != 0x0000 for answer in answers)


def _kind(path: Path) -> tuple[str, str]:
    meta, _ = split_dataset(path)
    return str(meta.MediaStorageSOPClassUID), str(meta.TransferSyntaxUID)


if __name__ == "__main__":
    if sys.argv[1] == "store":
        store(Path(sys.argv[2]), sys.argv[3])
    else:
        sys.exit(send(int(sys.argv[2]), sys.argv[3], [Path(name) for name in sys.argv[4:]]))
