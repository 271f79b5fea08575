"""What holds for every data set there can be."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydicom import dcmread

from dicomanon.errors import DicomanonError
from dicomanon.part10.encoding import encoding_of
from dicomanon.part10.index import index_header
from dicomanon.part10.read import bare_instance, read_instance
from dicomanon.pipeline import clear_in_memory, write
from tests.part10.building import (
    BIG,
    EXPLICIT,
    IMPLICIT,
    SLIDE_CLASS,
    UNREADABLE,
    Coding,
    a_route,
    data_set,
    native,
)
from tests.part10.data_sets import damaged, kept, slides

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

SYNTAXES = (IMPLICIT, EXPLICIT, BIG)
ROUTE = a_route()
bounded = settings(
    max_examples=60,
    deadline=2000,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def _through(syntax: str, data: bytes) -> bytes:
    """Return the output; raise DicomanonError and nothing else."""
    instance = bare_instance(
        io.BytesIO(data), transfer_syntax_uid=syntax, sop_class_uid=SLIDE_CLASS, sop_instance_uid=""
    )
    out = io.BytesIO()
    write(ROUTE.deidentifier(instance), out)
    return out.getvalue()


def _read_all(data: bytes) -> int:
    """Read with pydicom, every sequence opened; return the number of elements."""

    def count(dataset: Dataset) -> int:
        raw = [dataset.get_item(tag) for tag in list(dataset.keys())]
        below = (
            count(item)
            for element in raw
            if element is not None and element.VR == "SQ"
            for item in dataset[element.tag].value
        )
        return len(raw) + sum(below)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # values were made to be odd
        return count(dcmread(io.BytesIO(data)))


@pytest.mark.parametrize("syntax", SYNTAXES)
@bounded
@given(data=st.data())
def test_runs_of_kept_elements_leave_bit_for_bit(syntax: str, data: st.DataObject) -> None:
    coding = Coding(syntax)
    run = data.draw(kept(coding))

    written = _through(syntax, data_set(coding, {0x00400000: run}))

    assert written.endswith(run + native(coding))


@pytest.mark.parametrize("syntax", SYNTAXES)
@bounded
@given(data=st.data())
def test_the_output_parses_to_its_end_and_pydicom_reads_it(syntax: str, data: st.DataObject) -> None:
    source = data.draw(slides(Coding(syntax)))
    try:
        written = _through(syntax, source)
    except DicomanonError:
        assume(False)  # noqa: FBT003  # its only form

    header = read_instance(io.BytesIO(written)).header
    entries = index_header(header, encoding_of(syntax))

    assert entries[-1].next == len(header)
    assert _read_all(written) > 10


@pytest.mark.parametrize("syntax", SYNTAXES)
@bounded
@given(data=st.data())
def test_damage_never_raises_anything_but_a_named_error(syntax: str, data: st.DataObject) -> None:
    source = data.draw(slides(Coding(syntax)).flatmap(damaged))
    try:
        written = _through(syntax, source)
    except DicomanonError as error:
        assert error.reason in UNREADABLE | {"refused"}  # noqa: PT017
    else:
        assert written.startswith(bytes(128) + b"DICM")


@pytest.mark.parametrize("syntax", SYNTAXES)
@bounded
@given(data=st.data())
def test_verification_of_what_was_made_of_damage_never_raises_anything_else(
    syntax: str, data: st.DataObject
) -> None:
    source = data.draw(slides(Coding(syntax)).flatmap(damaged))
    instance_of = io.BytesIO(source)
    try:
        instance = bare_instance(
            instance_of, transfer_syntax_uid=syntax, sop_class_uid=SLIDE_CLASS, sop_instance_uid=""
        )
        written = clear_in_memory(instance, ROUTE)
    except DicomanonError as error:
        assert error.reason in UNREADABLE | {"refused", "leak"}  # noqa: PT017
    else:
        assert read_instance(io.BytesIO(written)).header


@bounded
@given(data=st.binary(max_size=400))
def test_arbitrary_bytes_never_raise_anything_but_a_named_error(data: bytes) -> None:
    for whole in (data, bytes(128) + b"DICM" + data):
        with pytest.raises(DicomanonError):
            ROUTE.deidentifier(read_instance(io.BytesIO(whole)))
