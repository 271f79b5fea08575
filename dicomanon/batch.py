"""Many inputs to one folder: DICOM files and slides, cleared one by one, by as many processes as asked for."""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from signal import SIG_IGN, SIGINT, signal
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError, DicomanonError, MalformedError, NotDicomError
from dicomanon.part10.read import read_instance
from dicomanon.part10.write import storage_errors
from dicomanon.pipeline import Cleared, Quarantined, clear, make_route
from dicomanon.profile import load_profile
from dicomanon.pseudonym import Pseudonymizer
from dicomanon.sinks import open_sink

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from dicomanon.convert import ConvertOptions
    from dicomanon.pipeline import Outcome, Route
    from dicomanon.profile import Profile


@dataclass(frozen=True, slots=True)
class Job:
    """What every process of a run needs to know; `key` is in memory only."""

    out: Path
    profile: str
    options: tuple[str, ...]
    key: bytes
    ephemeral: bool
    scope: str = ""
    deep: bool = False
    durable: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one image: cleared, dropped, quarantined or skipped. `output` is relative to the folder.

    Skipped are files in a folder that are no DICOM files; one that is named itself is quarantined.

    `size` counts the bytes written.
    """

    source: str
    outcome: str
    reason: str = ""
    message: str = ""
    output: str = ""
    size: int = 0


def dicom_files(inputs: Iterable[Path]) -> Iterator[Path]:
    """Yield the files named, and every visible file below the folders named, in order of name."""
    for given in inputs:
        if given.is_dir():
            inside = (path for path in given.rglob("*") if path.is_file())
            yield from sorted(path for path in inside if not path.name.startswith("."))
        else:
            yield given


def deidentify_files(inputs: Iterable[Path], job: Job, processes: int = 1) -> Iterator[list[Result]]:
    """Clear DICOM files and those in folders; yield the result of each as it is done."""
    given = list(inputs)
    named = frozenset(given)
    yield from _run(partial(_deidentify_file, job=job, named=named), list(dicom_files(given)), job, processes)


def convert_slides(
    slides: list[Path], job: Job, options: ConvertOptions, processes: int = 1
) -> Iterator[list[Result]]:
    """Convert vendor slides and clear every image of them; yield the results of each slide as it is done."""
    yield from _run(partial(_convert_slide, job=job, options=options), slides, job, processes)


def convert_slides_identified(
    slides: list[Path], out: Path, options: ConvertOptions
) -> Iterator[list[Result]]:
    """Convert vendor slides to DICOM as they are, identifiers included; yield the results of each slide."""
    from dicomanon.convert import instances  # heavy
    from dicomanon.part10.plain import write_identified
    from dicomanon.sources import open_slide  # heavy

    with storage_errors():
        out.mkdir(parents=True, exist_ok=True)
    for path in slides:
        results = []
        try:
            with open_slide(path) as slide:
                for number, opened in enumerate(instances(slide, options), 1):
                    target = out / f"{opened.meta.sop_instance_uid}.dcm"
                    size = write_identified(opened, target)
                    results.append(Result(f"{path} {number}", "cleared", output=target.name, size=size))
        except DicomanonError as error:
            results.append(Result(str(path), "quarantined", error.reason, str(error)))
        yield results


def _run(work: partial[list[Result]], paths: list[Path], job: Job, processes: int) -> Iterator[list[Result]]:
    with storage_errors():
        job.out.mkdir(parents=True, exist_ok=True)
    if processes == 1 or len(paths) == 1:
        yield from map(work, paths)
        return
    from concurrent.futures import BrokenExecutor, ProcessPoolExecutor  # only for several
    from multiprocessing import get_context

    with ProcessPoolExecutor(processes, get_context("spawn"), _leave_interrupts_to_the_parent) as pool:
        futures: list[Future[list[Result]]] = []
        try:
            with suppress(BrokenExecutor):
                futures += (pool.submit(work, path) for path in paths)
            for number, path in enumerate(paths):
                try:
                    done = futures[number].result() if number < len(futures) else None
                except BrokenExecutor:
                    done = None
                yield done or [Result(str(path), "quarantined", "internal", "a worker process was killed")]
        finally:
            for future in futures:
                future.cancel()


def _leave_interrupts_to_the_parent() -> None:
    """Let a worker finish its file on Ctrl-C: the parent starts no other."""
    signal(SIGINT, SIG_IGN)


@lru_cache(maxsize=1)
def compiled(profile: str, options: tuple[str, ...]) -> Profile:
    """Return the profile of a run, compiled once a process; raise ProfileError."""
    return load_profile(profile, options)


@lru_cache(maxsize=1)
def _route(job: Job, scope: str) -> Route:
    """Return the route of a job, compiled once a process."""
    profile = compiled(job.profile, job.options)
    pseudonymizer = Pseudonymizer(job.key, ephemeral=job.ephemeral)
    return make_route("files", profile, pseudonymizer, scope=scope, deep=job.deep, durable=job.durable)


def _deidentify_file(path: Path, job: Job, named: frozenset[Path]) -> list[Result]:
    route = _route(job, job.scope)
    try:
        with io.FileIO(path) as reader:
            outcome = clear(lambda: read_instance(reader), route, job.out)
    except OSError:
        error = MalformedError("the file cannot be read")
        return [Result(str(path), "quarantined", error.reason, str(error))]
    if isinstance(outcome, Quarantined) and outcome.reason == NotDicomError.reason and path not in named:
        return [Result(str(path), "skipped", outcome.reason, outcome.message)]
    return [_deliver(str(path), outcome, job)]


def _convert_slide(path: Path, job: Job, options: ConvertOptions) -> list[Result]:
    from dicomanon.convert import instance  # heavy
    from dicomanon.sources import open_slide  # heavy

    results = []
    try:
        with open_slide(path) as slide:
            route = _route(job, job.scope or f"slide:{options.container_identifier or path.stem}")
            for index, image in enumerate(slide.images):
                opened = partial(instance, slide, index, options)
                results.append(
                    _deliver(f"{path} {image.flavor} {index + 1}", clear(opened, route, job.out), job)
                )
    except OSError:
        error: DicomanonError = CorruptSlideError("the file cannot be read")
        results.append(Result(str(path), "quarantined", error.reason, str(error)))
    except DicomanonError as error_:
        results.append(Result(str(path), "quarantined", error_.reason, str(error_)))
    return results


def _deliver(source: str, outcome: Outcome, job: Job) -> Result:
    """Put a cleared file in its place under the folder of the job."""
    if isinstance(outcome, Quarantined):
        return Result(source, "quarantined", outcome.reason, outcome.message)
    if not isinstance(outcome, Cleared):
        return Result(source, "dropped", outcome.reason, outcome.message)
    try:
        open_sink(str(job.out)).send(outcome)
    except DicomanonError as error:
        return Result(source, "quarantined", error.reason, str(error))
    finally:
        outcome.path.unlink(missing_ok=True)
    name = f"{outcome.study_instance_uid}/{outcome.series_instance_uid}/{outcome.sop_instance_uid}.dcm"
    return Result(source, "cleared", output=name, size=outcome.size)
