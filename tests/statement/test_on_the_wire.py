"""Association parameters and rejections of the statement, compared with those of a running node."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from pynetdicom import AE
from pynetdicom.sop_class import Verification

from dicomanon.node import Node
from dicomanon.statement import statement
from tests.statement.documents import node as described
from tests.statement.documents import page_tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUNNING = """
[node]
ae_title = "CLEANROOM"
port = 0
spool = "spool"
max_pdu = 65536
max_associations = 4

[[route]]
name = "study"
calling = ["PACS"]
destinations = ["released"]
"""


@pytest.fixture
def stated(tmp_path: Path) -> dict[str, list[list[str]]]:
    return page_tables(statement(described(tmp_path, RUNNING)))


@contextmanager
def running(folder: Path, most: int) -> Iterator[int]:
    """Run the node with so many associations at once; give its port."""
    folder.mkdir()
    config = described(folder, RUNNING.replace("max_associations = 4", f"max_associations = {most}")).config
    assert config is not None
    node = Node(config)
    node.start()
    try:
        yield node.port
    finally:
        node.stop()


def associate(port: int, calling: str = "PACS", called: str = "CLEANROOM") -> Any:
    entity: Any = AE(ae_title=calling)
    entity.add_requested_context(Verification)
    return entity.associate("127.0.0.1", port, ae_title=called)


def rejection(port: int, calling: str, called: str) -> list[int]:
    answer = associate(port, calling, called).acceptor.primitive
    return [answer.result, answer.result_source, answer.diagnostic]


def test_what_an_association_agrees_on_is_what_is_stated(
    stated: dict[str, list[list[str]]], tmp_path: Path
) -> None:
    parameters = dict(stated["table-7-1-1"])
    with running(tmp_path / "node", 4) as port:
        association = associate(port)
        agreed = association.acceptor
        status = association.send_c_echo().Status
        association.release()

    assert parameters["Largest PDU taken as acceptor"] == f"{agreed.maximum_length:,} bytes"
    assert parameters["Implementation Class UID"] == agreed.implementation_class_uid
    assert parameters["Implementation Version Name"] == agreed.implementation_version_name
    assert parameters["Application Context Name"] == agreed.primitive.application_context_name
    assert status == 0x0000


def test_associations_are_rejected_with_the_numbers_that_are_stated(
    stated: dict[str, list[list[str]]], tmp_path: Path
) -> None:
    with running(tmp_path / "open", 4) as port:
        met = [rejection(port, "PACS", "SOMEBODY"), rejection(port, "STRANGER", "CLEANROOM")]
    with running(tmp_path / "full", 1) as port:
        only = associate(port)
        met.append(rejection(port, "PACS", "CLEANROOM"))
        only.release()

    assert [[int(cell.split(" ")[0]) for cell in row[:3]] for row in stated["table-7-2-3"]] == met
