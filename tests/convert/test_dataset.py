"""A data set made by keyword is encoded as pydicom encodes it."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset as Peer
from pydicom.filewriter import write_dataset

from dicomanon.convert.dataset import Dataset

TEXTS = st.text(st.characters(blacklist_characters="\\", blacklist_categories=("Cs", "Cc")), max_size=20)
NUMBERS = st.integers(0, 65535)
ELEMENTS: dict[str, st.SearchStrategy[Any]] = {
    "ContainerIdentifier": TEXTS.map(str.strip),
    "ImageType": st.lists(st.sampled_from(["ORIGINAL", "DERIVED", "VOLUME"]), min_size=2, max_size=4),
    "InstanceNumber": NUMBERS,
    "Rows": NUMBERS,
    "NumberOfFrames": NUMBERS,
    "PixelSpacing": st.lists(st.sampled_from(["0.0005", "0.25", "1"]), min_size=2, max_size=2),
    "ImagedVolumeDepth": st.floats(0, 1e6, width=32),
    "TotalPixelMatrixColumns": st.integers(0, 2**32 - 1),
    "DimensionIndexPointer": st.sampled_from([0x0048021E, 0x00480106]),
    "ICCProfile": st.binary(max_size=40).filter(lambda value: not len(value) & 1),
    "PatientName": TEXTS.map(str.strip),
    "SOPInstanceUID": st.sampled_from(["2.25.1", "1.2.3.44"]),
    "ImageOrientationSlide": st.just(["0", "-1", "0", "-1", "0", "0"]),
}


@given(st.fixed_dictionaries({}, optional=ELEMENTS), st.fixed_dictionaries({}, optional=ELEMENTS))
def test_elements_are_encoded_as_pydicom_encodes_them(outer: dict[str, Any], inner: dict[str, Any]) -> None:
    own = Dataset(SpecificCharacterSet="ISO_IR 192", OpticalPathSequence=[Dataset(**inner)], **outer)
    peer = Peer()
    peer.SpecificCharacterSet = "ISO_IR 192"
    peer.update(_of_peer(outer))
    peer.OpticalPathSequence = [_of_peer(inner)]

    out = pydicom.filebase.DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = True, False
    write_dataset(out, peer)

    assert own.encoded() == out.getvalue()


def _of_peer(elements: dict[str, Any]) -> Peer:
    made = Peer()
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made


def test_an_empty_sequence_and_an_empty_value_stay_empty() -> None:
    encoded = Dataset(StudyTime="", AcquisitionContextSequence=[]).encoded()

    read = pydicom.dcmread(BytesIO(encoded), force=True)
    assert (read.StudyTime, list(read.AcquisitionContextSequence)) == ("", [])


def test_a_keyword_that_the_standard_does_not_have_is_an_error() -> None:
    with pytest.raises(KeyError, match="ImageTipe"):
        Dataset(ImageTipe="x").encoded()
