"""Every slide of the corpus, the whole way: it converts, or is refused by a reason that is true; nothing of it is left.

Pixels are compared with independent readers in tests/sources.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pydicom
import pytest

from dicomanon.batch import Job, convert_slides
from dicomanon.convert import ConvertOptions, Laboratory
from dicomanon.sources import claims
from tests.peers import dcentvfy, dciodvfy

if TYPE_CHECKING:
    from pathlib import Path

KEY = bytes(range(32))
REFUSED = {
    "generic/small_la.tiff": ("slide", "gray and three colours"),
    "generic/zero_gi.tif": ("corrupt-slide", "no size"),
    "ome/4D-series.ome.tiff": ("slide", ""),
    "ome/multi-channel.ome.tif": ("slide", "signed"),
    **{
        f"ome/multifile-Z{n}.ome.tiff": ("slide", "companion file") for n in (1, 3)
    },  # it is not in the corpus
    "openslide-fixtures/unopenable.tiff": ("corrupt-slide", "cannot be decoded"),
    "openslide-fixtures/unreadable.svs": ("corrupt-slide", "JPEG marker"),
    "synthetic/synthetic-isyntax-header.isyntax": ("corrupt-slide", ""),
}
"""What no converter could make a whole-slide image of, and a word of the reason."""
COMPANIONS = (".ets", ".dat", ".ini", ".jpg", ".Full", ".json", ".dcm")
"""Parts of other slides, and what is no slide."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a slide: results of its images, and the files."""

    outcomes: list[tuple[str, str, str]]
    files: list[Path]


def slides_of(corpus: Path) -> list[Path]:
    found = (path for path in sorted((corpus / "slides").rglob("*")) if path.is_file())
    return [path for path in found if path.suffix not in COMPANIONS]


def converted(path: Path, out: Path) -> Done:
    job = Job(out, "research-wsi", (), KEY, ephemeral=False, durable=False)
    # Half of the samples do not say how large their pixels are.
    options = ConvertOptions(laboratory=Laboratory(patient_id="CANARYMRN-4711"), spacing=0.00025)
    (results,) = convert_slides([path], job, options)
    outcomes = [(each.outcome, each.reason, each.message) for each in results]
    return Done(outcomes, [out / each.output for each in results if each.output])


NAMES = (
    "aperio/CMU-1-Small-Region.svs",
    *(f"generic/CMU-{n}-small.tiff" for n in (0, 1, 2)),
    "generic/CropBreastSlide.tiff",
    "generic/grey10kx5k.tif",
    "generic/small_la.tiff",
    *(f"generic/test_orient{n}.tif" for n in (0, 1, 6)),
    "generic/yb10kx5k.zstd.tiff",
    "generic/zero_gi.tif",
    "hamamatsu/test3-TRITC-2-560.ndpi",
    "olympus/vsi-ets-test-jpg2k.vsi",
    "ome/4D-series.ome.tiff",
    "ome/multi-channel.ome.tif",
    *(f"ome/multifile-Z{n}.ome.tiff" for n in (1, 3)),
    "openslide-fixtures/boxes.tiff",
    "openslide-fixtures/small.svs",
    "openslide-fixtures/unopenable.tiff",
    "openslide-fixtures/unreadable.svs",
    "openslide-fixtures/😐.svs",
    *(
        f"synthetic/synthetic-{name}"
        for name in (
            *("bif.bif", "generic.tiff", "histech.tif", "isyntax-header.isyntax", "mrxs.mrxs"),
            *("ndpi.ndpi", "ometiff.ome.tiff", "philips.tiff", "scn.scn", "svs-jp2k.svs", "svs.svs"),
            *("trestle.tif", "ventana-tif.tif", "vms.vms"),
        )
    ),
)


def test_every_slide_of_the_corpus_is_claimed_by_one_format(corpus: Path) -> None:
    found = {str(path.relative_to(corpus / "slides")): len(claims(path)) for path in slides_of(corpus)}

    assert {name: count for name, count in found.items() if count != 1} == {}
    assert not set(NAMES) - set(found)


@pytest.mark.parametrize("name", NAMES)
def test_a_slide_of_the_corpus_converts_or_is_refused_by_a_true_reason(
    corpus: Path, tmp_path: Path, name: str
) -> None:
    path = corpus / "slides" / name
    done = converted(path, tmp_path)

    if name in REFUSED:
        reason, word = REFUSED[name]
        ((outcome, found, message),) = done.outcomes
        assert (outcome, found) == ("quarantined", reason), message
        assert word in message
        assert path.stem not in message
        assert not [each for each in tmp_path.rglob("*") if each.is_file()]
        return
    assert {outcome for outcome, _, _ in done.outcomes} <= {"cleared", "dropped"}, done.outcomes
    assert done.files
    assert {each.name: dciodvfy(each) for each in done.files} == {each.name: [] for each in done.files}
    assert dcentvfy(done.files) == []
    for file in done.files:
        header = pydicom.dcmread(file, stop_before_pixels=True)
        assert header.ImageType[2] in ("VOLUME", "THUMBNAIL")
        assert header.PatientIdentityRemoved == "YES"
        assert header.DimensionOrganizationType == "TILED_FULL"
    _nothing_is_left(path, done.files)


def _nothing_is_left(path: Path, files: list[Path]) -> None:
    """Look for every planted value, as it is, in UTF-16 and in base64, in every byte that left."""
    said = path.parent / f"{path.name}.phi.json"
    values = {"CANARYMRN-4711"}
    if said.exists():
        planted = json.loads(said.read_text(encoding="utf-8"))
        values |= {str(each) for each in planted["identifiers"].values()}
        values |= {str(each["value"]) for each in planted["planted"]}
    for value in values:
        for form in (value.encode(), value.encode("utf-16-le"), base64.b64encode(value.encode())):
            if len(form) < 6:
                continue
            for file in files:
                assert form not in file.read_bytes(), (file.name, len(value))
