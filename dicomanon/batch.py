"""Many inputs to one folder: DICOM files and slides, cleared one by one, by as many processes as asked for."""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from dicomanon.errors import (
    DicomanonError,
    NotDicomError,
    StorageError,
    UnknownSlideError,
)
from dicomanon.inputs import find_inputs, is_taken
from dicomanon.part10.read import read_instance, replayed
from dicomanon.part10.write import output_folder
from dicomanon.pipeline import Cleared, Quarantined, clear, make_route
from dicomanon.processes import started
from dicomanon.profile import load_profile
from dicomanon.pseudonym import Pseudonymizer
from dicomanon.review import reviewed
from dicomanon.sinks import open_sink
from dicomanon.survey import survey_files, survey_instances

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from dicomanon.convert import ConvertOptions, ReadySlide, Watch
    from dicomanon.inputs import Inputs
    from dicomanon.part10.instance import Instance
    from dicomanon.pipeline import Outcome, Route
    from dicomanon.pixels.places import Places
    from dicomanon.pixels.report import PixelReport
    from dicomanon.profile import Profile
    from dicomanon.review import Reviewed
    from dicomanon.sources import Frames
    from dicomanon.sources._pieces import Pieces

    Work = Callable[[Path], list["Result"]]

UNREAD_FORMAT = "; it has the name of a slide, but is none, or one that is damaged at its front"


@dataclass(frozen=True, slots=True)
class Job:
    """What every process of a run needs to know; `key` is in memory only.

    `review` asks for pictures of what was done to pixels; `places` are what was found on a level of each pyramid.
    """

    out: Path
    profile: str
    options: tuple[str, ...]
    key: bytes
    ephemeral: bool
    scope: str = ""
    deep: bool = False
    durable: bool = True
    review: bool = False
    places: tuple[Places, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one image: cleared, dropped, quarantined or skipped. `output` is relative to the folder.

    Skipped are files in a folder that are of another kind; one that is named itself is quarantined, and so is one
    that looks like a slide when slides are converted. `identified` is what was written with its identifiers on
    request. Behind a file that could not be written none is tried.

    `size` counts the bytes written. `message` of a written image says what was done to its pixels, where anything was.
    """

    source: str
    outcome: str
    reason: str = ""
    message: str = ""
    output: str = ""
    size: int = 0
    reviewed: Reviewed | None = field(default=None, repr=False)


def deidentify_files(inputs: Iterable[Path], job: Job, processes: int = 1) -> Iterator[list[Result]]:
    """Clear DICOM files and those in folders; yield the result of each as it is done."""
    given = list(inputs)
    found = find_inputs(given, job.out)
    job = replace(job, places=survey_files(found.files, compiled(job.profile, job.options)))
    work = partial(_deidentify_file, job=job, named=frozenset(given))
    yield from run_over(work, found, job.out, processes)


def convert_slides(
    inputs: Iterable[Path],
    job: Job,
    options: ConvertOptions,
    processes: int = 1,
    watch: Watch | None = None,
) -> Iterator[list[Result]]:
    """Convert slides, and those in folders, clear every image; yield the results of each slide.

    `watch` is told of tiles where one process does all.
    """
    given = list(inputs)
    found = find_inputs(given, job.out)
    if options.table is not None:
        options.table.check_names(found.files)
    alone = processes == 1 or len(found.files) == 1
    named = frozenset(given)
    work = partial(_convert_slide, job=job, options=options, named=named, watch=watch if alone else None)
    yield from run_over(work, found, job.out, processes)


def convert_slides_identified(
    inputs: Iterable[Path], out: Path, options: ConvertOptions
) -> Iterator[list[Result]]:
    """Convert slides to DICOM as they are, identifiers included; yield the results of each slide."""
    given = list(inputs)
    found = find_inputs(given, out)
    if options.table is not None:
        options.table.check_names(found.files)
    work = partial(_convert_identified, out=out, options=options, named=frozenset(given))
    yield from run_over(work, found, out, 1)


def run_over(work: Work, inputs: Inputs, out: Path, processes: int) -> Iterator[list[Result]]:
    """Yield the results of every input; once the output cannot be written, those left are reported as not done."""
    with output_folder(out):
        for folder in inputs.unreadable:
            yield [Result(str(folder), "quarantined", "unreadable", "the folder cannot be read")]
        if processes == 1 or len(inputs.files) == 1:
            yield from _one_by_one(work, inputs.files)
        else:
            yield from _in_processes(work, inputs.files, processes)


def _one_by_one(work: Work, paths: list[Path]) -> Iterator[list[Result]]:
    aborted = False
    for path in paths:
        results = [_not_done(path)] if aborted else work(path)
        aborted = aborted or _cannot_write(results)
        yield results


def _in_processes(work: Work, paths: list[Path], processes: int) -> Iterator[list[Result]]:
    with started(work, paths, processes) as futures:
        aborted = False
        for number, path in enumerate(paths):
            future = futures[number] if number < len(futures) else None
            if aborted and (future is None or future.cancel()):
                yield [_not_done(path)]
                continue
            results = _result_of(future) or [
                Result(str(path), "quarantined", "internal", "a worker process was killed")
            ]
            aborted = aborted or _cannot_write(results)
            yield results


def _result_of(future: Future[list[Result] | None] | None) -> list[Result] | None:
    from concurrent.futures import BrokenExecutor  # only for several processes

    with suppress(BrokenExecutor):
        return future.result() if future else None
    return None


def _cannot_write(results: list[Result]) -> bool:
    return any(result.reason == StorageError.reason for result in results)


def _not_done(path: Path) -> Result:
    return Result(str(path), "quarantined", "aborted", "not tried: the output could not be written any more")


@lru_cache(maxsize=1)
def compiled(profile: str, options: tuple[str, ...]) -> Profile:
    """Return the profile of a run, compiled once a process; raise ProfileError."""
    return load_profile(profile, options)


@lru_cache(maxsize=1)
def _route(job: Job, scope: str) -> Route:
    """Return the route of a job, compiled once a process."""
    profile = compiled(job.profile, job.options)
    pseudonymizer = Pseudonymizer(job.key, ephemeral=job.ephemeral)
    route = make_route("files", profile, pseudonymizer, scope=scope, deep=job.deep, durable=job.durable)
    return replace(route, places=job.places)


def _deidentify_file(path: Path, job: Job, named: frozenset[Path]) -> list[Result]:
    route, reports = _reviewed_route(_route(job, job.scope), job)
    try:
        with io.FileIO(path) as reader:
            again = partial(replayed, reader)
            outcome = clear(partial(read_instance, reader), route, job.out, again=again)
    except StorageError as error:
        return [Result(str(path), "quarantined", error.reason, str(error))]
    except OSError:
        return [_unreadable(path)]
    if not isinstance(outcome, Quarantined):
        return [_deliver(str(path), outcome, job, reports)]
    no_dicom = outcome.reason == NotDicomError.reason
    message = outcome.message
    if no_dicom and is_slide(path):
        message += "; it is a slide, which `dicomanon convert` takes"
    passed_over = path not in named and no_dicom
    word = "skipped" if passed_over else "quarantined"
    return [Result(str(path), word, outcome.reason, message, reviewed=_last(reports))]


def _reviewed_route(route: Route, job: Job) -> tuple[Route, list[PixelReport]]:
    """Return a route that keeps the report of the next instance, where somebody wants to look at it."""
    reports: list[PixelReport] = []
    return (replace(route, review=reports.append) if job.review else route), reports


def _last(reports: list[PixelReport]) -> Reviewed | None:
    """Return what a page shows of the last report, and forget it."""
    return reviewed(reports.pop()) if reports else None


def is_slide(path: Path) -> bool:
    """Tell whether the format of a vendor claims the file."""
    from dicomanon.sources import claims  # heavy

    try:
        return any(not (each.named_only or each.is_dicom) for each in claims(path))
    except OSError:
        return False


def _unreadable(path: Path) -> Result:
    return Result(str(path), "quarantined", "unreadable", "the file cannot be read")


def vendor_instance(slide: ReadySlide, index: int, options: ConvertOptions) -> Instance:
    """Return an image of a slide as `convert.instance` does; its residue is what the files say beside the header.

    So verification looks for everything the files say, not only for what became DICOM.
    """
    from dicomanon.convert import instance  # heavy
    from dicomanon.convert.residue import residue_of

    opened = instance(slide, index, options)
    return replace(opened, meta=replace(opened.meta, residue=residue_of(slide, index)))


def _convert_slide(
    path: Path,
    job: Job,
    options: ConvertOptions,
    named: frozenset[Path],
    watch: Watch | None = None,
) -> list[Result]:
    from dicomanon.convert import prepared  # heavy

    results: list[Result] = []
    try:
        if _stood_for(path, named):
            return [_taken(path)]
        with prepared(path, options, job.out, watch, named=path in named) as slide:
            route, reports = _reviewed_route(_route(job, job.scope or _scope_of(slide)), job)
            opened = [partial(vendor_instance, slide, index, options) for index in range(len(slide.images))]
            route = replace(route, places=survey_instances(opened, route.deidentifier.profile))
            told = slide if watch is None else watched(slide, watch)
            for index, image in enumerate(slide.images):
                name = f"{path} {image.flavor} {index + 1}"
                first = partial(vendor_instance, told, index, options)
                outcome = clear(first, route, job.out, again=partial(_itself, opened[index]))
                result = _deliver(name, outcome, job, reports)
                if result.output and image.derivation:
                    result = replace(result, message=image.derivation)
                results.append(result)
                if _cannot_write(results):
                    break
    except OSError:
        results.append(_unreadable(path))
    except DicomanonError as error:
        results.append(_failed(path, error, named))
    return results


def _stood_for(path: Path, named: frozenset[Path]) -> bool:
    """Tell whether another file of the run stands for the slide that a file belongs to."""
    from dicomanon.sources import members  # heavy

    return next((each for each in members(path) if is_taken(each, named)), path) != path


def _taken(path: Path) -> Result:
    return Result(
        str(path), "skipped", "same-slide", "it is of the slide that another file of the run stands for"
    )


def _scope_of(slide: ReadySlide) -> str:
    """Return the scope of a slide whose patient is not known: itself, or in DICOM its study, which has a UID there."""
    if slide.is_dicom:
        return "study"
    return f"slide:{slide.laboratory.container_identifier or slide.fingerprint.hex()}"


def watched(slide: ReadySlide, watch: Watch) -> ReadySlide:
    """Return a slide whose frames are told as they are read."""
    watch.stage("writing", sum(len(image.frame_lengths) for image in slide.images))
    images = (replace(image, frames=_told(image.frames, watch)) for image in slide.images)
    return replace(slide, images=tuple(images))


def _told(frames: Frames, watch: Watch) -> Frames:
    from dicomanon.sources import PiecedFrames, pieces_of  # heavy

    def pieces(first: int = 0, stop: int | None = None) -> Pieces:
        for front, rest in pieces_of(frames, first, stop):
            watch.advance(1, len(front) + len(rest))
            yield front, rest

    return PiecedFrames(pieces)


def _itself(source: Callable[[], Instance], _: Instance) -> Callable[[], Instance]:
    return source


def _convert_identified(
    path: Path, out: Path, options: ConvertOptions, named: frozenset[Path]
) -> list[Result]:
    from dicomanon.convert import instances, prepared  # heavy
    from dicomanon.part10.plain import write_identified

    results: list[Result] = []
    try:
        if _stood_for(path, named):
            return [_taken(path)]
        with prepared(path, options, out, named=path in named) as slide:
            for number, opened in enumerate(instances(slide, options), 1):
                target = out / f"{opened.meta.sop_instance_uid}.dcm"
                size = write_identified(opened, target)
                done = opened.derivation
                results.append(
                    Result(f"{path} {number}", "identified", message=done, output=target.name, size=size)
                )
    except OSError:
        results.append(_unreadable(path))
    except DicomanonError as error:
        results.append(_failed(path, error, named))
    return results


def _failed(path: Path, error: DicomanonError, named: frozenset[Path]) -> Result:
    from dicomanon.sources import looks_like_slide  # heavy

    message = str(error)
    passed_over = False
    if isinstance(error, UnknownSlideError):
        if looks_like_slide(path):
            message += UNREAD_FORMAT
        else:
            passed_over = path not in named
    return Result(str(path), "skipped" if passed_over else "quarantined", error.reason, message)


def _deliver(source: str, outcome: Outcome, job: Job, reports: list[PixelReport]) -> Result:
    """Put a cleared file in its place under the folder of the job."""
    seen = _last(reports)
    if isinstance(outcome, Quarantined):
        return Result(source, "quarantined", outcome.reason, outcome.message, reviewed=seen)
    if not isinstance(outcome, Cleared):
        return Result(source, "dropped", outcome.reason, outcome.message)
    try:
        open_sink(str(job.out)).send(outcome)
    except DicomanonError as error:
        return Result(source, "quarantined", error.reason, str(error))
    finally:
        outcome.path.unlink(missing_ok=True)
    name = f"{outcome.study_instance_uid}/{outcome.series_instance_uid}/{outcome.sop_instance_uid}.dcm"
    return Result(source, "cleared", output=name, size=outcome.size, reviewed=seen)
