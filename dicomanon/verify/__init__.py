"""A second opinion on written bytes: by value, not by a list of tags.

It imports neither `deidentify` nor `actions`: it reads the file that is about to leave and looks for every
identifying value of the source in the forms that `identifying` knows, and for structure that must not be there.
Each run covers preamble, group 0002, header, offset tables, heads of code streams, trailer and file name; a deep run
covers every byte. Each run also looks for a control value that it plants itself.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from dicomanon.codes import CODE_MEANING
from dicomanon.errors import LeakError
from dicomanon.identifying import DATE_VRS, NUMBER_VRS, SHORTEST_NUMBER
from dicomanon.part10.encoding import DEFLATED, MARKED, RUN_LENGTH, encoding_of
from dicomanon.part10.index import index_header
from dicomanon.part10.read import read_instance
from dicomanon.verify.finding import Finding
from dicomanon.verify.leaves import Leaves
from dicomanon.verify.search import SHORTEST_IN_SCAN, Hit, Search, find_everywhere, stands_alone
from dicomanon.verify.structure import LAST_BLOCK, container_findings, forbidden, header_findings
from dicomanon.verify.surface import Piece, Written, WrittenBytes, WrittenFile, fragment_pieces, rest
from dicomanon.vocabulary import every_word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dicomanon.identifying import Form, IdentifyingValues
    from dicomanon.part10.encoding import Encoding
    from dicomanon.part10.index import Entry
    from dicomanon.part10.instance import Reader
    from dicomanon.profile import Profile
    from dicomanon.verify.leaves import Leaf

BINARY_VRS = frozenset(b"AT FD FL OB OD OF OL OV OW SL SS SV UL US UV".split())
CODE_VALUE = 0x00080100
DEEP_WINDOW = 1 << 20
HUFFMAN_RUNS = (
    b"*456789:CDEFGHIJSTUVWXYZcdefghijstuvwxyz\x83",
    b"*56789:CDEFGHIJSTUVWXYZcdefghijstuvwxyz\x82",
)
"""Printable bytes of the tables that most JPEG frames have (ITU-T T.81 K.3.3); 456789 is also a Patient ID."""
BINARY_NUMBERS = frozenset(
    (b"FD", b"FL", b"OD", b"OF", b"OL", b"OV", b"SL", b"SS", b"SV", b"UL", b"US", b"UV")
)

NOT_NAMED = frozenset((0x00080008, CODE_MEANING))
"""Image Type and Code Meaning: no maker, model or part of the body is named in them but by an ordinary word."""
DERIVATION = 0x00082111
METHOD = 0x00120063
"""De-identification Method: words of the program itself."""


class Verifier:
    """Checks file after file against the values of its source; `profile` says what was meant to stay."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._search = Search()

    def check_elements(
        self, data: bytes, values: IdentifyingValues, transfer_syntax_uid: str
    ) -> list[Finding]:
        """Return the values found in encoded elements that are about to be written: what is known by then.

        Raises LeakError where the search does not find its control value.
        """
        forms = values.forms()
        hits = self._search.find_before(forms, data)
        if not hits:
            return []
        encoding = encoding_of(transfer_syntax_uid)
        entries = index_header(data, encoding)
        return sorted(set(_explain(hits, forms, data, entries, encoding, self._profile, values.own_words)))

    def check(
        self, written: Written, values: IdentifyingValues, *, name: str = "", deep: bool = False
    ) -> list[Finding]:
        """Return the findings in a written Part 10 file; `name` is the file name it leaves under.

        Raises LeakError where the search does not find its control value, MalformedError where the file does
        not parse.
        """
        forms = values.forms()
        instance = read_instance(_WrittenReader(written))
        encoding = encoding_of(instance.meta.transfer_syntax_uid)
        header = instance.header
        entries = instance.entries or index_header(header, encoding)
        residue = instance.meta.residue
        deflated = instance.meta.transfer_syntax_uid == DEFLATED
        findings = [
            *container_findings(residue, header, entries),
            *header_findings(header, entries, encoding, self._profile),
        ]
        pieces = [Piece("container", residue), Piece("file name", name.encode())]
        if instance.pixels is not None:
            at = _value_offset(residue, header, encoding)
            if instance.pixels.length is None:
                try:
                    marked = instance.meta.transfer_syntax_uid in MARKED
                    run_length = instance.meta.transfer_syntax_uid == RUN_LENGTH
                    pieces.extend(fragment_pieces(written, at, marked=marked, run_length=run_length))
                except LeakError as error:
                    findings.append(
                        Finding("pixel data", "code stream", f"whole fragments without text ({error})")
                    )
            elif deflated:
                pieces.append(Piece("trailer", _behind(instance.body, instance.pixels.length)))
            else:
                pieces.append(Piece("trailer", rest(written, at + instance.pixels.length)))
        for piece in pieces:
            if piece.place == "trailer" and piece.data:
                tags = {entry.tag for entry in index_header(piece.data, encoding)}
                findings += forbidden(tags, private=self._profile.cleans("private"))
        # The pieces as one, far enough apart that no value reaches over two of them.
        joined = b"\0\0\0\0".join(piece.data for piece in pieces)
        in_header, in_pieces = self._search.find(forms, header, joined)
        own = values.own_words
        findings += _explain(in_header, forms, header, entries, encoding, self._profile, own)
        findings += _explain_pieces(in_pieces, pieces)
        if deep:
            again = read_instance(_WrittenReader(written)).body if deflated else _WrittenReader(written)
            findings += _deep_findings(again, forms, 0 if deflated else len(residue) + len(header))
        return sorted(set(findings))


def _explain_pieces(hits: list[Hit], pieces: list[Piece]) -> Iterator[Finding]:
    """Name the piece of each hit in all of them joined."""
    starts = list(accumulate((len(piece.data) + 4 for piece in pieces), initial=0))
    for hit in hits:
        number = bisect_right(starts, hit.at) - 1
        if not _by_chance(pieces[number], hit, hit.at - starts[number]):
            yield Finding(pieces[number].place, "value", "no identifying value of the source")


def _by_chance(piece: Piece, hit: Hit, at: int) -> bool:
    """Tell whether a hit says nothing: a few bytes among offsets or in a scan, or part of a usual Huffman table."""
    needle = hit.form.needle
    if piece.place.startswith(("offset table", "end of fragment", "front of fragment")):
        return len(needle) < SHORTEST_IN_SCAN
    around = piece.data[max(at - 1, 0) : at + len(needle) + 1]
    return piece.place.startswith("head of fragment") and any(around in run for run in HUFFMAN_RUNS)


class _WrittenReader:
    """Reads a written instance from its start."""

    def __init__(self, written: Written) -> None:
        self._written = written
        self._at = 0

    def readinto(self, buffer: memoryview, /) -> int:
        data = self._written.read_at(len(buffer), self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _value_offset(residue: bytes, header: bytes, encoding: Encoding) -> int:
    """Return where the value of Pixel Data starts: its header takes 12 bytes, or 8 in Implicit VR."""
    return len(residue) + len(header) + (12 if encoding.explicit else 8)


def _windows(reader: Reader) -> Iterator[bytes]:
    """Yield what a reader has, a window at a time."""
    buffer = memoryview(bytearray(DEEP_WINDOW))
    while count := reader.readinto(buffer):
        yield bytes(buffer[:count])


def _behind(reader: Reader, length: int) -> bytes:
    """Return what a reader has behind its first `length` bytes: in a deflated file nothing can be skipped."""
    found = []
    for window in _windows(reader):
        found.append(window[min(length, len(window)) :])
        length -= min(length, len(window))
    return b"".join(found)


def _deep_findings(reader: Reader, forms: dict[Form, bool], scan_from: int) -> Iterator[Finding]:
    for hit in find_everywhere(forms, _windows(reader)):
        if hit.at >= scan_from:
            yield Finding("pixel data", "value", f"no identifying value of the source (offset {hit.at})")


_IMAGE_TYPE = frozenset(
    b"ORIGINAL DERIVED PRIMARY SECONDARY VOLUME LABEL OVERVIEW THUMBNAIL LOCALIZER NONE RESAMPLED".split()
)
PRESCRIBED: Mapping[int, frozenset[bytes]] = {
    0x00080008: _IMAGE_TYPE,
    0x00089007: _IMAGE_TYPE,
    0x00201040: frozenset((b"SLIDE_CORNER",)),
}
"""Values of Image Type, Frame Type and Position Reference Indicator (PS3.3 C.8.12.4.1.1, C.7.4.1)."""


def _explain(
    hits: list[Hit],
    forms: dict[Form, bool],
    header: bytes,
    entries: list[Entry],
    encoding: Encoding,
    profile: Profile,
    own: bytes,
) -> Iterator[Finding]:
    """Name the attribute of each hit in the header; words in their rightful place, and our own, are no finding."""
    leaves = Leaves(header, entries, encoding, profile.local_codes)
    for hit in hits:
        leaf = leaves.around(hit.at)
        if not stands_alone(hit.form, leaf.raw, hit.at - leaf.value_at):
            continue
        path, tag, vr, whole = leaf.path, leaf.tag, leaf.vr, leaf.raw.strip(b" \0")
        if tag == DERIVATION and own and whole == own:
            continue
        rule = profile.rule_for(tag, vr.decode())
        kept = rule.code == "K" or rule.cleaner in ("label", "meaning", "scheme")
        if kept and _is_number(vr, whole, hit.form.needle):
            continue
        if _says_nothing(leaf, hit.form, soft=forms[hit.form]) or _is_prescribed(tag, whole):
            continue
        if vr in BINARY_VRS and len(hit.form.needle) < SHORTEST_IN_SCAN:
            continue  # found by chance: a colour profile alone holds half a million bytes
        ordinary = _is_ordinary(hit.form)
        if tag == CODE_MEANING and (whole == leaf.term or (leaf.public and (forms[hit.form] or ordinary))):
            continue  # a name that is part of a public code's meaning, as in Bismarck brown
        if hit.form.kind == "date" and vr in DATE_VRS and kept:
            continue  # dates are retained: another attribute that goes may have had the same
        if forms[hit.form] and rule.cleaner == "words":
            continue  # words known to be harmless, and part of another description that went
        if forms[hit.form] and rule.cleaner == "private" and tag & 0xFFFF <= LAST_BLOCK:
            continue  # the creator of a block that stays, named again where other blocks go
        if forms[hit.form] and (vr == b"CS" or kept or tag == METHOD):
            continue  # a description that says the same as an attribute kept for what it is, or as we say of ourselves
        if ordinary and (vr == b"CS" or kept):
            continue  # many a patient, and many a slide, is called as a part of the body or of a picture
        if hit.form.kind == "word" and (vr == b"CS" or kept) and tag not in NOT_NAMED:
            continue  # or as a maker or a model
        yield Finding(path, "value", "no identifying value of the source")


def _is_prescribed(tag: int, whole: bytes) -> bool:
    """Tell whether a value is one of the few that PS3.3 has for its attribute: slides are called Slide or Label too."""
    words = PRESCRIBED.get(tag)
    return words is not None and all(part.strip() in words for part in whole.split(b"\\"))


def _is_ordinary(form: Form) -> bool:
    """Tell whether a component of a name is a word of anatomy and imaging as well: Hand, Brown, Volume."""
    return form.needle.decode("utf-8", "replace") in every_word()


def _says_nothing(leaf: Leaf, form: Form, *, soft: bool) -> bool:
    """Tell whether a few digits are some by chance: a date in short in a number, or any in a time or a public code."""
    if form.kind == "short" and leaf.vr in (*NUMBER_VRS, *DATE_VRS, b"UI"):
        return True
    if soft or len(form.needle) >= SHORTEST_IN_SCAN or not form.needle.isdigit():
        return False
    return leaf.vr in DATE_VRS or (leaf.public and leaf.tag == CODE_VALUE)


def _is_number(vr: bytes, whole: bytes, needle: bytes) -> bool:
    """Tell whether a hit is some digits of a number that is kept: of a position, a spacing, a count."""
    if vr in BINARY_NUMBERS:
        return len(needle) < SHORTEST_IN_SCAN
    parts = [part.strip() for part in whole.split(b"\\")]
    return vr in NUMBER_VRS and (len(needle) < SHORTEST_NUMBER or needle not in parts)


__all__ = ["Finding", "Verifier", "Written", "WrittenBytes", "WrittenFile"]
