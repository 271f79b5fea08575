"""Every way to encode a data set, and every container it comes in."""

from __future__ import annotations

import io
import time
import zlib
from typing import TYPE_CHECKING

import pytest
from pydicom import dcmread

from dicomanon.errors import MalformedError, UnsupportedError
from dicomanon.part10.body import copy_body
from dicomanon.part10.read import LARGEST_READ, WINDOW, Limits, bare_instance, read_instance
from dicomanon.pipeline import Quarantined
from tests.part10.building import (
    BIG,
    CANARY,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    INSTANCE_UID,
    JPEG,
    PATIENT_ID,
    UNREADABLE,
    Coding,
    cleared,
    data_set,
    encapsulated,
    file_of,
    group_two,
    native,
    sent,
    sized,
    slide_elements,
    slide_file,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom.dataset import Dataset

    from dicomanon.pipeline import Route

SYNTAXES = (IMPLICIT, EXPLICIT, BIG, DEFLATED)
KEPT = (
    "Modality",
    "Manufacturer",
    "ImageType",
    "Rows",
    "Columns",
    "InstanceNumber",
    "PixelData",
    "SOPClassUID",
)


def _pydicom(data: bytes) -> Dataset:
    dataset = dcmread(io.BytesIO(data))
    for _ in dataset.iterall():
        pass
    return dataset


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_kept_elements_are_equal_and_identifiers_gone_in_every_native_syntax(
    syntax: str, route: Route, tmp_path: Path
) -> None:
    data = slide_file(syntax)

    before, after = _pydicom(data), _pydicom(cleared(data, route, tmp_path / "out"))

    assert after.file_meta.TransferSyntaxUID == syntax
    for keyword in KEPT:
        assert after[keyword].value == before[keyword].value, keyword
    assert after.PatientIdentityRemoved == "YES"
    assert after.SOPInstanceUID != before.SOPInstanceUID
    assert after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID
    inflated = b"".join(str(element.value).encode() for element in after.iterall())
    assert CANARY not in inflated
    assert PATIENT_ID not in inflated


def test_one_instance_gets_the_same_identity_whatever_its_encoding(route: Route, tmp_path: Path) -> None:
    identities = set()
    for syntax in SYNTAXES:
        after = _pydicom(cleared(slide_file(syntax), route, tmp_path / "out"))
        identities.add((after.SOPInstanceUID, after.StudyInstanceUID, after.PatientID))

    assert len(identities) == 1


@pytest.mark.parametrize("windows", [1, 2])
@pytest.mark.parametrize("strategy", [zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY])
def test_a_deflated_data_set_that_about_fills_whole_windows_is_read_to_its_end(
    strategy: int, windows: int
) -> None:
    # zlib may hold the last bytes of its output when all of its input is used up.
    coding = Coding(DEFLATED)
    full = windows * WINDOW - len(data_set(coding, sized(coding, 0), pixels=native(coding, b"")))
    for size in range(full - 4, full + 12):
        engine = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 8, strategy)
        data = engine.compress(data_set(coding, sized(coding, size), pixels=native(coding, bytes(size))))
        data += engine.flush()
        instance = bare_instance(
            io.BytesIO(data), transfer_syntax_uid=DEFLATED, sop_class_uid="", sop_instance_uid=""
        )
        sink = io.BytesIO()
        assert copy_body(instance, sink) == b""
        assert len(sink.getvalue()) == size


def test_a_deflated_data_set_with_nothing_but_a_padding_byte_behind_it_is_read(
    route: Route, tmp_path: Path
) -> None:
    assert cleared(slide_file(DEFLATED) + b"\0", route, tmp_path / "out")


def test_bytes_behind_a_deflated_data_set_are_refused(route: Route, tmp_path: Path) -> None:
    outcome = sent(slide_file(DEFLATED) + CANARY, route, tmp_path / "out")

    assert isinstance(outcome, Quarantined)
    assert outcome.reason == "malformed"


def test_a_deflated_data_set_cut_short_anywhere_is_refused(route: Route, tmp_path: Path) -> None:
    data = slide_file(DEFLATED)
    for size in range(140, len(data) - 1, 17):
        outcome = sent(data[:size], route, tmp_path / "out")
        assert isinstance(outcome, Quarantined), size
        assert outcome.reason in UNREADABLE


def _deflated_file(coding: Coding, size: int) -> bytes:
    """Return a file whose header is about `size` bytes, of which a thousandth is stored."""
    blobs = {
        0x00091010 + number: coding.element(0x00091010 + number, b"OB", bytes(size // 8))
        for number in range(8)
    }
    return slide_file(DEFLATED, blobs)


class _Meter:
    """A source that gives little at a time, as an inflating one does, and notes the most it was asked for."""

    def __init__(self, data: bytes) -> None:
        self._source = io.BytesIO(data)
        self.most = 0

    def readinto(self, buffer: memoryview, /) -> int:
        self.most = max(self.most, len(buffer))
        return self._source.readinto(buffer[: 1 << 17])


def test_a_large_header_out_of_small_pieces_takes_time_in_proportion() -> None:
    data = slide_file(EXPLICIT, {0x00091010: Coding(EXPLICIT).element(0x00091010, b"OB", bytes(24 << 20))})
    meter = _Meter(data)

    assert len(read_instance(meter).header) > 24 << 20
    assert meter.most <= LARGEST_READ


def test_a_deflated_header_of_tens_of_megabytes_is_read_in_seconds() -> None:
    data = _deflated_file(Coding(DEFLATED), 56 << 20)
    start = time.perf_counter()

    instance = read_instance(io.BytesIO(data))

    assert len(instance.header) > 56 << 20
    assert time.perf_counter() - start < 5


def test_a_small_file_that_inflates_to_more_than_a_header_has_is_refused_in_seconds() -> None:
    data = _deflated_file(Coding(DEFLATED), 200 << 20)
    assert len(data) < 1 << 19
    start = time.perf_counter()

    with pytest.raises(MalformedError, match="limit"):
        read_instance(io.BytesIO(data))

    assert time.perf_counter() - start < 5


def test_a_header_of_more_than_half_of_the_limit_is_read() -> None:
    coding = Coding(EXPLICIT)
    blobs = {tag: coding.element(tag, b"OB", bytes(120_000)) for tag in range(0x00091010, 0x00091018)}
    limits = Limits(header=1_100_000)

    assert len(read_instance(io.BytesIO(slide_file(EXPLICIT, blobs)), limits=limits).header) > 900_000


def test_a_small_file_that_inflates_without_end_meets_the_header_limit() -> None:
    engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    coding = Coding(DEFLATED)
    bomb = engine.compress(coding.head(0x00091001, b"UN", 1 << 30))
    bomb += b"".join(engine.compress(bytes(1 << 20)) for _ in range(64)) + engine.flush()
    data = bytes(128) + b"DICM" + group_two(DEFLATED) + bomb

    with pytest.raises(MalformedError, match="limit"):
        read_instance(io.BytesIO(data), limits=Limits(header=4 << 20))


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG])
def test_a_data_set_without_preamble_and_group_two_is_recognised_by_its_first_element(
    syntax: str, route: Route, tmp_path: Path
) -> None:
    after = _pydicom(cleared(data_set(Coding(syntax)), route, tmp_path / "out"))

    assert after.file_meta.TransferSyntaxUID == syntax
    assert after.Rows == 4


def test_a_file_without_preamble_that_has_group_two_is_read(route: Route, tmp_path: Path) -> None:
    data = group_two(JPEG) + data_set(Coding(JPEG), pixels=encapsulated(_frame()))

    written = cleared(data, route, tmp_path / "out")

    assert written[:132] == bytes(128) + b"DICM"
    assert _pydicom(written).file_meta.TransferSyntaxUID == JPEG


def test_a_file_with_preamble_and_no_group_two_is_read(route: Route, tmp_path: Path) -> None:
    data = bytes(128) + b"DICM" + data_set(Coding(EXPLICIT))

    assert _pydicom(cleared(data, route, tmp_path / "out")).Rows == 4


def test_group_two_with_a_wrong_length_and_elements_of_its_own_is_replaced(
    route: Route, tmp_path: Path
) -> None:
    e = Coding(EXPLICIT).element
    odd = (
        e(0x00020016, b"AE", CANARY) + e(0x00020100, b"UI", "1.2.3.4.5.6.7.8") + e(0x00020102, b"OB", CANARY)
    )
    meta = bytearray(group_two(EXPLICIT, odd))
    meta[8:12] = (7).to_bytes(4, "little")
    data = CANARY.ljust(128, b"\0") + b"DICM" + bytes(meta) + data_set(Coding(EXPLICIT))

    written = cleared(data, route, tmp_path / "out")

    assert CANARY not in written
    assert b"1.2.3.4.5.6.7.8" not in written
    meta_after = _pydicom(written).file_meta
    assert "SourceApplicationEntityTitle" not in meta_after
    assert written[132 + 12 + meta_after.FileMetaInformationGroupLength :].startswith(b"\x08\0\x05\0CS")


def test_a_group_two_that_says_another_sop_class_is_refused(route: Route, tmp_path: Path) -> None:
    e = Coding(EXPLICIT).element
    meta = e(0x00020002, b"UI", "1.2.840.10008.5.1.4.1.1.2") + e(0x00020010, b"UI", EXPLICIT)

    outcome = sent(file_of(EXPLICIT, data_set(Coding(EXPLICIT)), meta=meta), route, tmp_path / "out")

    assert isinstance(outcome, Quarantined)
    assert outcome.reason == "refused"


def test_a_group_two_in_implicit_encoding_is_refused_with_its_offset() -> None:
    meta = Coding(IMPLICIT).element(0x00020010, b"UI", EXPLICIT)

    with pytest.raises(MalformedError) as raised:
        read_instance(io.BytesIO(file_of(EXPLICIT, data_set(Coding(EXPLICIT)), meta=meta)))

    assert raised.value.offset == 132


def test_a_group_two_larger_than_its_limit_is_refused() -> None:
    meta = Coding(EXPLICIT).head(0x00020102, b"OB", 1 << 30)

    with pytest.raises(MalformedError):
        read_instance(io.BytesIO(file_of(EXPLICIT, bytes(4 << 20), meta=meta)))


@pytest.mark.parametrize("syntax", ["1.2.840.113619.5.2", "1.2.3", "not a syntax"])
def test_an_unknown_transfer_syntax_is_refused(syntax: str) -> None:
    with pytest.raises(UnsupportedError):
        read_instance(io.BytesIO(file_of(syntax, data_set(Coding(EXPLICIT)))))


def test_a_data_set_that_is_in_another_syntax_than_it_says_is_refused(route: Route, tmp_path: Path) -> None:
    for said in (IMPLICIT, EXPLICIT, BIG):
        for actual in (IMPLICIT, EXPLICIT, BIG):
            if said != actual:
                outcome = sent(file_of(said, data_set(Coding(actual))), route, tmp_path / "out")
                assert isinstance(outcome, Quarantined), (said, actual)
                assert outcome.reason == "malformed"


def test_a_broken_element_is_refused_without_reading_the_rest_of_the_source() -> None:
    class Endless:
        taken = 0

        def readinto(self, buffer: memoryview, /) -> int:
            count = min(len(buffer), 1 << 20)
            self.taken += count
            if self.taken == count:
                front = file_of(
                    EXPLICIT, Coding(EXPLICIT).element(0x00080005, b"CS", "ISO_IR 192") + b"\x08\0\x08\0??"
                )
                buffer[: len(front)] = front
                return len(front)
            return count

    source = Endless()
    with pytest.raises(MalformedError) as raised:
        read_instance(source)

    assert raised.value.tag == 0x00080008
    assert source.taken < 8 << 20


def test_the_instance_uid_of_the_source_is_nowhere_in_the_output(route: Route, tmp_path: Path) -> None:
    for syntax in (IMPLICIT, EXPLICIT, BIG):
        assert INSTANCE_UID.encode() not in cleared(slide_file(syntax), route, tmp_path / "out")
        assert len(slide_elements(Coding(syntax))) > 10


def _frame() -> bytes:
    return b"\xff\xd8\xff\xda\0\x08\1\1\0\0\x3f\0" + bytes(20) + b"\xff\xd9"
