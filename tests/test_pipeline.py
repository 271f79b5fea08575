from __future__ import annotations

import json
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dicomanon import pipeline
from dicomanon.audit import AuditLog
from dicomanon.deidentify import Deidentifier
from dicomanon.errors import RefusedError, StorageError
from dicomanon.part10.encoding import EXPLICIT_LE as LITTLE
from dicomanon.part10.readers import ChunkReader
from dicomanon.part10.write import AsideFile
from dicomanon.pipeline import Cleared, Dropped, Quarantined, Route, clear, clear_in_memory, make_route
from dicomanon.profile import load_profile
from dicomanon.pseudonym import Pseudonymizer
from tests.canary import assert_no_canary, make_canary_slide
from tests.verify.made import KEY, Elements, encode, file_of, found_in, identity, opened, route_of, value_at

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dicomanon.deidentify import Deidentified
    from dicomanon.part10.instance import Instance
    from dicomanon.part10.readers import Buffer
    from dicomanon.part10.write import Sink

PIXELS: Elements = {
    0x00280002: (b"US", b"\1\0"),
    0x00280010: (b"US", b"\x10\0"),
    0x00280011: (b"US", b"\x10\0"),
    0x00280100: (b"US", b"\x08\0"),
    0x7FE00010: (b"OB", bytes(256)),
}


def picture(
    flavour: bytes = b"VOLUME", burned_in: bytes = b"NO", label: bytes = b"NO", **more: bytes
) -> bytes:
    elements = (
        identity(**more)
        | PIXELS
        | {
            0x00080008: (b"CS", b"ORIGINAL\\PRIMARY\\" + flavour + b"\\NONE"),
            0x00280301: (b"CS", burned_in),
            0x00480010: (b"CS", label),
            0x00080020: (b"DA", b"20210317"),
        }
    )
    return file_of(elements)


def audited(folder: Path, profile: str = "basic") -> tuple[Route, Callable[[], list[dict[str, object]]]]:
    log = AuditLog(folder / "audit.jsonl")
    route = make_route("test", load_profile(profile), Pseudonymizer(KEY), audit=log)
    return route, lambda: [json.loads(line) for line in (folder / "audit.jsonl").read_text().splitlines()]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    path = tmp_path / "out"
    path.mkdir()
    return path


def opening(data: bytes) -> Callable[[], Instance]:
    return lambda: opened(data)


def test_a_cleared_instance_is_one_whole_file_for_its_owner_alone(out: Path) -> None:
    outcome = clear(opening(picture()), route_of(), out)

    assert isinstance(outcome, Cleared)
    assert [path.name for path in out.iterdir()] == [outcome.path.name]
    assert stat.S_IMODE(outcome.path.stat().st_mode) == 0o600
    assert outcome.path.stat().st_size == outcome.size
    found = found_in(outcome.path.read_bytes())
    assert value_at(found, 0x00080018).decode() == outcome.sop_instance_uid
    assert value_at(found, 0x0020000D).decode() == outcome.study_instance_uid
    assert value_at(found, 0x0020000E).decode() == outcome.series_instance_uid
    assert value_at(found, 0x00080016).decode() == outcome.sop_class_uid


@pytest.mark.parametrize("label", [b"YES ", b"yes", b"Yes", b"MAYBE"])
def test_spelling_does_not_let_a_label_out(out: Path, label: bytes) -> None:
    assert isinstance(clear(opening(picture(label=label)), route_of(), out), Dropped)
    assert isinstance(clear(opening(picture(burned_in=label)), route_of(), out), Quarantined)
    for flavour in (b"LABEL ", b"label", b" Overview"):
        assert isinstance(clear(opening(picture(flavour)), route_of(), out), Dropped)


@pytest.mark.parametrize("flavour", [b"LABEL", b"OVERVIEW"])
@pytest.mark.parametrize("burned_in", [b"YES", b"NO"])
def test_label_and_overview_are_dropped_and_nothing_failed(
    out: Path, flavour: bytes, burned_in: bytes
) -> None:
    outcome = clear(opening(picture(flavour, burned_in, b"YES")), route_of(), out)

    assert isinstance(outcome, Dropped)
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("flavour", [b"VOLUME", b"THUMBNAIL", b"LOCALIZER", b""])
def test_a_picture_with_burned_in_text_is_quarantined(out: Path, flavour: bytes) -> None:
    outcome = clear(opening(picture(flavour, burned_in=b"YES")), route_of(), out)

    assert isinstance(outcome, Quarantined)
    assert outcome.reason == "pixels"
    assert outcome.dicom_status == 0xC002
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("flavour", [b"VOLUME", b"THUMBNAIL"])
def test_a_picture_that_shows_the_label_is_judged_as_a_label(out: Path, flavour: bytes) -> None:
    assert isinstance(clear(opening(picture(flavour, label=b"YES")), route_of(), out), Dropped)
    assert isinstance(clear(opening(picture(flavour, label=b"NO")), route_of(), out), Cleared)


def test_without_patient_and_scope_it_is_quarantined_and_with_a_scope_it_leaves(out: Path) -> None:
    data = picture(patient=b"")

    outcome = clear(opening(data), route_of("research-wsi"), out)
    assert isinstance(outcome, Quarantined)
    assert outcome.reason == "refused"
    assert "scope" in outcome.message
    assert isinstance(clear(opening(data), route_of("research-wsi", scope="trial 7"), out), Cleared)


def broken(error: BaseException) -> Callable[[], Instance]:
    def chunks() -> object:
        yield bytes(100)
        raise error

    instance = opened(picture())
    return lambda: replace(instance, body=ChunkReader(chunks()))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error", [ValueError("CANARYVALUE"), RecursionError(), MemoryError(), KeyError("CANARYVALUE")]
)
def test_whatever_goes_wrong_nothing_leaves_and_no_value_is_said(out: Path, error: Exception) -> None:
    outcome = clear(broken(error), route_of(), out)

    assert isinstance(outcome, Quarantined)
    assert outcome.reason == "internal"
    assert outcome.message == f"an unforeseen {type(error).__name__}"
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit()])
def test_stopping_in_the_middle_leaves_no_file(out: Path, error: BaseException) -> None:
    with pytest.raises(type(error)):
        clear(broken(error), route_of(), out)

    assert list(out.iterdir()) == []


def test_a_sender_that_is_gone_half_way_leaves_no_file(out: Path) -> None:
    outcome = clear(opening(picture()[:-100]), route_of(), out)

    assert isinstance(outcome, Quarantined)
    assert outcome.reason == "malformed"
    assert list(out.iterdir()) == []


def test_a_leak_that_the_rules_would_miss_is_caught_by_verification(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the walk had a bug: a value of the source is written into the output."""
    honest = pipeline.write

    def leaking(deidentified: Deidentified, sink: Sink, _look: object) -> int:
        more = encode({0x00400602: (b"UT", b"of MRN-7309177")}, LITTLE)
        return honest(replace(deidentified, header=deidentified.header + more), sink)

    monkeypatch.setattr(pipeline, "write", leaking)
    outcome = clear(opening(file_of(identity())), route_of(), out)

    assert isinstance(outcome, Quarantined)
    assert (outcome.reason, outcome.message) == ("leak", "verification: value in (0040,0602)")
    assert list(out.iterdir()) == []


KEPT_BY_A_BUG = {"header": 0x00080104, "trailer": 0xFFFCFFFC}


@pytest.mark.parametrize("place", ["header", "trailer"])
def test_what_verification_finds_in_elements_is_never_written(
    out: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """As if the walk had a bug; every byte given to the disk is looked at."""
    written = bytearray()
    honest, whole = AsideFile.write, Deidentifier.__call__
    more = encode({KEPT_BY_A_BUG[place]: (b"UT", b"of MRN-7309177")}, LITTLE)

    def write(file: AsideFile, data: Buffer) -> None:
        written.extend(data)
        honest(file, data)

    def leaking(deidentifier: Deidentifier, instance: Instance, claims: tuple[str, ...] = ()) -> Deidentified:
        found = whole(deidentifier, instance, claims)
        if place == "header":
            return replace(found, header=more + found.header)
        return replace(found, trailer=lambda _data: more)

    monkeypatch.setattr(AsideFile, "write", write)
    monkeypatch.setattr(Deidentifier, "__call__", leaking)
    outcome = clear(opening(file_of(identity())), route_of(), out)

    assert isinstance(outcome, Quarantined)
    assert outcome.reason == "leak"
    assert b"MRN-7309177" not in written
    assert list(out.iterdir()) == []


def test_a_full_disk_is_raised_and_leaves_no_file(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int, _data: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dicomanon.part10.write.os.write", full)

    with pytest.raises(StorageError, match="ENOSPC"):
        clear(opening(picture()), route_of(), out)
    assert list(out.iterdir()) == []


def test_a_folder_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="ENOENT"):
        clear(opening(picture()), route_of(), tmp_path / "absent")


def test_every_decision_is_audited_with_digests_and_without_values(tmp_path: Path, out: Path) -> None:
    route, lines = audited(tmp_path)

    cleared = clear(opening(picture()), route, out)
    clear(opening(picture(b"LABEL")), route, out)
    clear(opening(picture(burned_in=b"YES")), route, out)
    clear(opening(picture()[:200]), route, out)

    assert isinstance(cleared, Cleared)
    assert [(line["outcome"], line["reason"]) for line in lines()] == [
        ("cleared", ""),
        ("dropped", "flavour"),
        ("quarantined", "pixels"),
        ("quarantined", "malformed"),
    ]
    first = lines()[0]
    assert first["target"] == cleared.sop_instance_uid
    assert first["source"] == Pseudonymizer(KEY).fingerprint(b"1.2.826.0.1.3680043.10.1947.55.1")
    assert first["counts"] == cleared.counts
    assert {line["source"] for line in lines()[:3]} == {first["source"]}
    assert first["source"] != Pseudonymizer(bytes(32)).fingerprint(b"1.2.826.0.1.3680043.10.1947.55.1")
    assert all(line["why"] for line in lines()[1:])
    assert "MRN" not in (tmp_path / "audit.jsonl").read_text()


def test_an_instance_that_cannot_be_opened_is_audited_under_the_uid_it_came_with(
    tmp_path: Path, out: Path
) -> None:
    route, lines = audited(tmp_path)

    clear(opening(picture()[:200]), route, out, "1.2.3.4")

    assert lines()[0]["source"] == Pseudonymizer(KEY).fingerprint(b"1.2.3.4")
    assert "1.2.3.4" not in (tmp_path / "audit.jsonl").read_text()


def test_what_cannot_be_audited_does_not_leave(tmp_path: Path, out: Path) -> None:
    route, _ = audited(tmp_path)
    assert route.audit is not None
    route.audit.close()

    with pytest.raises(StorageError):
        clear(opening(picture()), route, out)
    assert list(out.iterdir()) == []


def test_the_trailer_is_cleaned_as_the_header_is(out: Path) -> None:
    trailer: Elements = {
        0xFFFAFFFA: (
            b"SQ",
            [{0x04000100: (b"UI", b"1.2.3.4.5.6.7"), 0x04000120: (b"OB", b"CANARYSIGNATURE ")}],
        ),
        0xFFFCFFFC: (b"OB", b"CANARYPADDING "),
        0x7FE10010: (b"LO", b"CANARYCREATOR"),
    }
    data = picture() + encode(trailer, LITTLE)

    outcome = clear(opening(data), route_of(), out)

    assert isinstance(outcome, Cleared)
    written = outcome.path.read_bytes()
    assert b"CANARY" not in written
    assert written.endswith(encode({0x7FE00010: PIXELS[0x7FE00010]}, LITTLE))


def test_audit_messages_and_errors_of_a_whole_run_carry_no_canary(
    tmp_path: Path, out: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    slide = make_canary_slide(tmp_path / "in")
    route, _ = audited(tmp_path, "research-wsi")
    said = []
    for path in slide.files:
        whole = path.read_bytes()
        for data in (
            whole,
            whole[:300],
            whole[:3000],
            whole[:-40],
            whole[: len(whole) // 2],
            whole.replace(b"\x10\0\x10\0PN", b"\x10\0\x10\0QQ"),
            whole + b"CANARYBEHIND",
        ):
            outcome = clear(opening(data), route, out)
            said.append(repr(outcome))
    captured = capfd.readouterr()

    assert_no_canary([tmp_path / "audit.jsonl"], slide)
    assert_no_canary(
        ["\n".join(said).encode(), (captured.out + captured.err + caplog.text).encode() + b"."], slide
    )
    assert sum("Quarantined" in each for each in said) > 10
    assert len(list(out.iterdir())) == sum("Cleared" in each for each in said) > 0


def test_what_is_cleared_in_memory_is_the_same_bytes(out: Path) -> None:
    outcome = clear(opening(picture()), route_of(), out)

    assert isinstance(outcome, Cleared)
    assert clear_in_memory(opened(picture()), route_of()) == outcome.path.read_bytes()
    with pytest.raises(RefusedError):
        clear_in_memory(opened(picture(patient=b"")), route_of("research-wsi"))
