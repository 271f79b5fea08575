"""The one way out: an identified instance in, a cleared file or a named reason why not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from errno import errorcode
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, TypeVar

from dicomanon.audit import AuditRecord
from dicomanon.deidentify import Deidentifier
from dicomanon.errors import DicomanonError, LeakError, StorageError
from dicomanon.objects import dropped_kind
from dicomanon.part10.body import copy_body
from dicomanon.part10.encoding import DEFLATED, encoding_of, pack_header
from dicomanon.part10.index import index_header
from dicomanon.part10.instance import Instance
from dicomanon.part10.write import Deflater, aside_file, file_meta
from dicomanon.pixels import TREATED, Verdict, check_ready, faceless, treat, verdict
from dicomanon.pixels.hold import held
from dicomanon.pixels.report import PixelReport
from dicomanon.verify import Verifier, WrittenBytes, WrittenFile
from dicomanon.walk import SOP_INSTANCE_UID

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.audit import AuditLog
    from dicomanon.deidentify import Deidentified
    from dicomanon.part10.write import Sink
    from dicomanon.pixels.places import Places
    from dicomanon.profile import Profile
    from dicomanon.pseudonym import Pseudonymizer
    from dicomanon.verify import Finding, Written


@dataclass(frozen=True, slots=True)
class Route:
    """How instances of one sender leave.

    `scope` lets instances without Patient ID out, each study as a patient of its own; without it they are
    quarantined where a rule needs the patient. `deep` verifies every byte. `durable` waits for the disk. `places` are
    what was found on one level of each pyramid. `review` is given pictures of
    what was done to pixels: for people who may see what was sent.
    """

    name: str
    deidentifier: Deidentifier
    verifier: Verifier
    audit: AuditLog | None = None
    deep: bool = False
    durable: bool = True
    places: tuple[Places, ...] = ()
    review: Callable[[PixelReport], None] | None = None

    def note_withdrawn(self, cleared: Cleared, reason: str) -> None:
        """Put on record that what was cleared did not leave after all, as far as the disk takes it."""
        if self.audit is not None:
            profile = self.deidentifier.profile.name
            record = AuditRecord(
                "withdrawn", profile, self.name, reason=reason, target=cleared.sop_instance_uid
            )
            with suppress(StorageError):
                self.audit.add(record)


def make_route(
    name: str,
    profile: Profile,
    pseudonymizer: Pseudonymizer,
    *,
    scope: str = "",
    audit: AuditLog | None = None,
    deep: bool = False,
    durable: bool = True,
) -> Route:
    """Return a route with its own de-identifier and verifier; it may be shared by threads.

    Raises ProfileError where pixels are to be looked into and what that needs is missing.
    """
    check_ready(profile)
    deidentifier = Deidentifier(profile, pseudonymizer, scope=scope)
    return Route(name, deidentifier, Verifier(profile), audit, deep=deep, durable=durable)


@dataclass(frozen=True, slots=True)
class Cleared:
    """An instance that passed every rule and check: a complete, durable Part 10 file and its new identity."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    size: int
    counts: dict[str, int] = field(default_factory=dict)
    pixels_at: int = 0
    """Offset of the value of Pixel Data in the file; 0 where there is none, or the data set is deflated."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """An instance the profile does not let out on purpose (a LABEL, say): nothing is written, nothing failed."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An instance that could not be cleared; `reason` and `message` never carry a value."""

    reason: str
    message: str
    dicom_status: int


Outcome = Cleared | Dropped | Quarantined
Result = TypeVar("Result")


Reopened = Callable[[], Instance]


def clear(
    source: Reopened,
    route: Route,
    folder: Path,
    named: str = "",
    again: Callable[[Instance], Reopened] | None = None,
) -> Outcome:
    """De-identify what `source` opens into a new hidden file in `folder`, verify it, make it durable.

    `named` is the SOP Instance UID that the instance came under, for the audit of one that cannot be opened. `again`
    tells how an instance that was opened is opened anew, where that is cheaper than holding its pixels: its body is
    read more than once where pixels are looked into. Raises StorageError where the file cannot be written; every other
    failure comes back as Quarantined, with the file gone.
    """
    digest = route.deidentifier.pseudonymizer.fingerprint(named.encode()) if named else ""
    pixels = PixelReport(wants_looks=route.review is not None)

    def work() -> Outcome:
        nonlocal digest
        instance = source()
        digest = _digest_of(instance, route) or digest
        return _clear(instance, route, folder, again or partial(held, folder=folder), pixels)

    outcome = settled(work)
    if route.audit is not None:
        try:
            route.audit.add(record_of(route, outcome, digest, pixels.for_audit()))
        except StorageError:
            if isinstance(outcome, Cleared):
                outcome.path.unlink(missing_ok=True)
            raise
    if route.review is not None and pixels.policy:
        route.review(pixels)
    return outcome


def settled(work: Callable[[], Result]) -> Result | Quarantined:
    """Return what `work` returns, or Quarantined for what it raises; raise StorageError."""
    try:
        return work()
    except StorageError:
        raise
    except DicomanonError as error:
        return Quarantined(error.reason, str(error), error.dicom_status)
    except OSError as error:
        word = errorcode.get(error.errno or 0, "unknown error")
        return Quarantined("unreadable", f"the source cannot be read ({word})", 0x0110)
    except Exception as error:  # noqa: BLE001  # the one catch-all: whatever goes wrong, nothing leaves
        return Quarantined("internal", f"an unforeseen {type(error).__name__}", 0x0110)


def refusal(instance: Instance, route: Route) -> Dropped | Quarantined | None:
    """Return why an instance cannot leave by its header alone, None where its pixels have to be looked into first.

    Raises what `settled` takes.
    """
    profile = route.deidentifier.profile
    judged = _judged(instance, profile)
    if not isinstance(judged, Verdict):
        return judged
    deidentified = route.deidentifier(faceless(instance, judged, profile), judged.claims)
    syntax = instance.meta.transfer_syntax_uid
    _raise_for(route.verifier.check_elements(deidentified.header, deidentified.values, syntax))
    return None


def _judged(instance: Instance, profile: Profile) -> Verdict | Dropped | Quarantined:
    """Return the verdict on an instance, or what became of one that goes no further."""
    why = dropped_kind(instance.meta.sop_class_uid, profile)
    if why:
        return Dropped("object", why)
    judged = verdict(instance, profile)
    if judged.policy == "drop":
        return Dropped("flavour", judged.why)
    if judged.policy == "quarantine":
        return Quarantined("pixels", judged.why, 0xC002)
    return judged


def _digest_of(instance: Instance, route: Route) -> str:
    """Return a keyed digest of the SOP Instance UID of a source, nothing where it has none."""
    entries = instance.entries or index_header(
        instance.header, encoding_of(instance.meta.transfer_syntax_uid)
    )
    for entry in entries:
        if entry.tag == SOP_INSTANCE_UID and entry.length:
            uid = instance.header[entry.value : entry.next].strip(b" \0")
            return route.deidentifier.pseudonymizer.fingerprint(uid)
    return ""


def record_of(
    route: Route, outcome: Outcome, digest: str, seen: dict[str, object] | None = None
) -> AuditRecord:
    """Return what the audit keeps of an outcome; `seen` is what was seen in a picture."""
    profile = route.deidentifier.profile.name
    seen = {} if seen is None else seen
    if isinstance(outcome, Cleared):
        target, counts = outcome.sop_instance_uid, outcome.counts
        return AuditRecord(
            "cleared", profile, route.name, source=digest, target=target, counts=counts, pixels=seen
        )
    word = "dropped" if isinstance(outcome, Dropped) else "quarantined"
    reason, why = outcome.reason, outcome.message
    return AuditRecord(word, profile, route.name, reason=reason, source=digest, why=why, pixels=seen)


def _clear(
    instance: Instance,
    route: Route,
    folder: Path,
    again: Callable[[Instance], Reopened],
    pixels: PixelReport,
) -> Outcome:
    profile = route.deidentifier.profile
    judged = _judged(instance, profile)
    if not isinstance(judged, Verdict):
        return judged
    if judged.policy in TREATED:
        treated = treat(instance, again(instance), judged, profile, places=route.places, report=pixels)
        deidentified = route.deidentifier(treated.instance, (*judged.claims, *treated.claims))
        pixels.compare(deidentified.values)
        if treated.finish is not None:
            deidentified = replace(deidentified, source=treated.finish(deidentified.header))
    else:
        deidentified = route.deidentifier(faceless(instance, judged, profile), judged.claims)
    syntax = instance.meta.transfer_syntax_uid

    def look(elements: bytes) -> None:
        """Verify elements before they are written: what should not leave should not come to rest either."""
        _raise_for(route.verifier.check_elements(elements, deidentified.values, syntax))

    look(deidentified.header)
    with aside_file(folder, durable=route.durable) as out:
        pixels_at = write(deidentified, out, look)
        _, sop_instance, study, series = deidentified.identity
        name = f"{study}/{series}/{sop_instance}.dcm"
        with out.syncing() if route.durable else nullcontext():
            _verify(route, WrittenFile(out.fileno()), deidentified, name)
    return Cleared(out.path, *deidentified.identity, syntax, out.size, deidentified.counts, pixels_at)


def _verify(route: Route, written: Written, deidentified: Deidentified, name: str) -> None:
    _raise_for(route.verifier.check(written, deidentified.values, name=name, deep=route.deep))


def _raise_for(findings: list[Finding]) -> None:
    if findings:
        places = ", ".join(f"{finding.check} in {finding.path}" for finding in findings[:5])
        raise LeakError(f"verification: {places}")


def clear_in_memory(instance: Instance, route: Route, *, verified: bool = True) -> bytes:
    """Return a small instance de-identified and, unless told otherwise, verified.

    For callers that hold instances in memory anyway; flavours are theirs to judge, and nothing is audited. Raises
    InstanceError where `clear` would quarantine.
    """
    deidentified = route.deidentifier(instance)
    out = BytesIO()
    write(deidentified, out)
    data = out.getvalue()
    if verified:
        _verify(route, WrittenBytes(data), deidentified, "")
    return data


def write(deidentified: Deidentified, out: Sink, look: Callable[[bytes], None] | None = None) -> int:
    """Write a whole Part 10 file: container, header, frames through, trailer, which `look` sees before.

    Returns where the value of Pixel Data begins: 0 where there is none, or all of it is deflated.
    """
    instance = deidentified.source
    syntax = instance.meta.transfer_syntax_uid
    meta = file_meta(deidentified.identity[0], deidentified.identity[1], syntax)
    out.write(meta)
    deflater = Deflater(out.write) if syntax == DEFLATED else None
    sink: Sink = deflater or out
    header = deidentified.header
    if instance.pixels is not None:
        length = 0xFFFFFFFF if instance.pixels.length is None else instance.pixels.length
        header += pack_header(instance.pixels.tag, instance.pixels.vr, length, encoding_of(syntax))
    sink.write(header)
    trailer = deidentified.trailer(copy_body(instance, sink))
    if trailer:
        if look is not None:
            look(trailer)
        sink.write(trailer)
    if deflater:
        deflater.finish()
    return 0 if deflater or instance.pixels is None else len(meta) + len(header)
