"""The whole way of one slide: identified DICOM, C-STORE, our node, an archive, read back, checked."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.demo import checks, compare
from dicomanon.demo.archive import open_archive
from dicomanon.demo.identified import PATIENT, write_identified_slide
from dicomanon.demo.processes import environment, find_program, python, running
from dicomanon.errors import DeliveryError, PeerRefusedError, PeerUnreachableError
from dicomanon.node.outbox import Outbox
from dicomanon.node.status import Status, read_status
from dicomanon.part10.write import storage_errors
from dicomanon.profile import DEFAULT
from dicomanon.pseudonym import write_key

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from dicomanon.demo.archive import Archive
    from dicomanon.demo.processes import Child
    from dicomanon.demo.show import Story

TITLE = "DICOMANON"
SECONDS = 600.0
"""How long the slide may take to the node, and from it to the archive."""
_COMMAND = "from dicomanon.cli import main; main()"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What there is at the end of the way: what was sent, what the archive gave back, and who took part."""

    sent: list[Path]
    received: list[Path]
    archive: str
    sender: str


def go(slide: Path, folder: Path, story: Story) -> Outcome:
    """Take `slide` the whole way, in `folder`, and check it; raise DicomanonError where a step fails."""
    for name in ("identified", "back", "node"):
        with storage_errors():
            (folder / name).mkdir()
    with story.stage("to DICOM") as happened:
        sent = write_identified_slide(slide, folder / "identified")
        images = ", ".join(compare.image_of(path).flavour for path in sent)
        happened += [
            f"{len(sent)} images: {images}",
            f"identified as {PATIENT.patient_name}, who does not exist",
        ]
    with ExitStack() as stack:
        with story.stage("archive") as happened:
            archive = stack.enter_context(open_archive(folder))
            happened.append(f"{archive.name} is running")
        with story.stage("node") as happened:
            spool = folder / "node" / "spool"
            child = stack.enter_context(_node(folder / "node", archive))
            port = child.wait_until(lambda: _port_of(child))
            happened.append(f"dicomanon node listens, profile {DEFAULT}, forwards to the archive")
        with story.stage("C-STORE") as happened:
            sender = _send(port, sent)
            happened.append(f"{sender} sent {len(sent)} instances, the node acknowledged each")
        with story.stage("cleared") as happened:
            status = _delivered(spool, child)
            happened.extend(_words(status))
        with story.stage("read back") as happened:
            received = archive.read_back(folder / "back")
            size = sum(path.stat().st_size for path in received)
            happened.append(f"{len(received)} instances, {size / 1e6:.1f} MB, from {archive.name}")
    with story.stage("checked") as happened:
        story.checks += _checked(sent, received, status, folder)
        happened.append(f"{len(story.checks)} checks")
    story.table += _table(sent, received)
    return Outcome(sent, received, archive.name, sender)


def _node(folder: Path, archive: Archive) -> AbstractContextManager[Child]:
    """Start our own node as its users do, with a key of this run and a spool of its own."""
    write_key(folder / "key")
    command = python(
        "-c", _COMMAND, "node", "--forward", archive.url, "--port", "0", "--spool", str(folder / "spool")
    )
    return running("the node", [*command, "--key", str(folder / "key")], folder / "node")


def _port_of(child: Child) -> int | None:
    said = child.output.read_text(encoding="utf-8", errors="replace")
    if "\n" not in said or " listens on " not in said:
        return None
    return int(said.partition(" listens on ")[2].partition(";")[0].rpartition(":")[2])


def _send(port: int, paths: list[Path]) -> str:
    """Send with dcmsend where it is installed, else with pynetdicom; tell with which."""
    program = find_program("dcmsend")
    files = [str(path) for path in paths]
    if program is not None:
        name = "dcmtk's dcmsend"
        command = [program, "-v", "-dn", "-to", "20", "-ta", "30", "-pdu", "131072", "-aet", "DEMOSCANNER"]
        command += ["-aec", TITLE, "127.0.0.1", str(port), *files]
    else:
        name = "pynetdicom"
        command = python("-m", "dicomanon.demo.peer", "send", str(port), TITLE, *files)
    try:
        done = subprocess.run(command, check=False, capture_output=True, timeout=SECONDS, env=environment())
    except subprocess.TimeoutExpired:
        raise PeerUnreachableError(f"{name} did not end within {SECONDS:.0f} seconds") from None
    if done.returncode != 0 or b"with status FAILED" in done.stdout + done.stderr:
        raise PeerRefusedError(
            f"{name} ended with exit code {done.returncode}: the node did not take every instance"
        )
    return name


def _delivered(spool: Path, child: Child) -> Status:
    """Wait until the archive has acknowledged all that was cleared; raise DeliveryError where it will not."""
    outbox = Outbox(spool)

    def settled() -> Status | None:
        status = read_status(outbox)
        states = {state for states in status.deliveries.values() for state in states}
        if states & {"failed", "lost"}:
            raise DeliveryError("the archive refused an instance")
        return None if states & {"waiting", "sending"} else status

    try:
        return child.wait_until(settled, SECONDS)
    finally:
        outbox.close()


def _words(status: Status) -> list[str]:
    refused = [
        f"{count} {outcome} ({reason})"
        for outcome, by in status.refusals.items()
        for reason, count in by.items()
    ]
    return [f"{status.kept} de-identified as they arrived and forwarded", *refused]


def _checked(sent: list[Path], received: list[Path], status: Status, folder: Path) -> list[checks.Check]:
    refused = sum(count for by in status.refusals.values() for count in by.values())
    accounted = len(sent) == status.kept + refused and len(received) == status.kept > 0
    found = f"{len(sent)} sent = {len(received)} in the archive + {refused} that did not leave"
    done = [checks.Check("accounted for", accounted, found)]
    kept = {compare.image_of(path).flavour for path in received}
    done.append(
        checks.Check("label", not kept & {"LABEL", "OVERVIEW"}, f"what came back: {', '.join(sorted(kept))}")
    )
    if not received:
        return done
    pairs = _pairs(sent, received)
    done.append(checks.identifying_values(received, sent))
    done.append(checks.negative_control(received[0], sent, folder))
    done.append(checks.same_frames(pairs))
    valid = checks.valid_dicom(pairs)
    return done if valid is None else [*done, valid]


def _pairs(sent: list[Path], received: list[Path]) -> list[tuple[Path, Path]]:
    sources = {compare.image_of(path): path for path in sent}
    try:
        return [(sources[compare.image_of(path)], path) for path in received]
    except KeyError:
        raise DeliveryError("the archive gave back an image that was not sent") from None


def _table(sent: list[Path], received: list[Path]) -> list[compare.Row]:
    """Return the rows of the largest image, which images are left, and the hash of the frames."""
    if not received:
        return []
    source, output = max(_pairs(sent, received), key=lambda pair: pair[1].stat().st_size)
    before, after = compare.frames_of(source), compare.frames_of(output)
    return [
        compare.Row("Images", _flavours(sent), _flavours(received), "new"),
        *compare.rows(source, output),
        compare.Row("Frames, SHA-256", before.digest, after.digest, "kept"),
    ]


def _flavours(paths: list[Path]) -> str:
    return ", ".join(sorted(compare.image_of(path).flavour for path in paths))
