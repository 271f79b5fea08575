"""The demo as a whole: which slide, a private folder that goes away, what is kept, one line when it fails."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dicomanon.demo.compare import image_of, jpeg_of
from dicomanon.demo.show import Story
from dicomanon.demo.slide import NAME, make_slide
from dicomanon.demo.way import Outcome, go
from dicomanon.errors import DicomanonError
from dicomanon.part10.write import storage_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REAL = Path("slides/aperio/CMU-1-Small-Region.svs")


def run(slide: Path | None, keep: Path | None, say: Callable[[str], object]) -> int:
    """Go the whole way and tell it; return the exit code."""
    story = Story(say, sys.stdout.isatty())
    try:
        with _stopped_by_signals(), _private_folder() as folder:
            return _run(slide, keep, folder, story)
    except DicomanonError as error:
        say(f"demo stopped at '{story.current}': {error}")
    except OSError as error:
        say(f"demo stopped at '{story.current}': {error.strerror or type(error).__name__}")
    return 1


def _run(slide: Path | None, keep: Path | None, folder: Path, story: Story) -> int:
    started = time.monotonic()
    if keep is not None:
        story.current = "keep"
        with storage_errors():
            keep.mkdir(parents=True, exist_ok=True)
    with story.stage("slide") as happened:
        chosen, what = _chosen(slide, folder)
        happened.append(f"{what}, {chosen.stat().st_size / 1e6:.1f} MB")
    outcome = go(chosen, folder, story)
    story.tell("")
    story.show_table()
    story.tell("")
    story.show_checks()
    wrong = [row.what for row in story.table if not row.as_expected]
    seconds = time.monotonic() - started
    verdict = "PASSED: it left without naming anyone, and with every pixel" if story.passed else "FAILED"
    story.tell(
        f"{verdict} ({seconds:.1f} s)" + (f"; not as it should be: {', '.join(wrong)}" if wrong else "")
    )
    if keep is not None:
        story.current = "keep"
        _keep(outcome, keep)
        story.keep(keep, slide=what, archive=outcome.archive, sender=outcome.sender)
    return 0 if story.passed else 1


def _chosen(slide: Path | None, folder: Path) -> tuple[Path, str]:
    """Return the slide given, else one of the sample files, else one made now, and what to call it."""
    if slide is not None:
        return slide, slide.name
    real = Path(os.environ.get("DICOMANON_CORPUS") or "../shared/corpus") / REAL
    if real.is_file():
        return real, f"{REAL.name}, a real Aperio slide"
    made = folder / NAME
    with storage_errors():
        make_slide(made)
    return made, f"{NAME}, made for this"


def _keep(outcome: Outcome, keep: Path) -> None:
    """Copy what came back from the archive, and the thumbnail as a picture."""
    with storage_errors():
        for path in outcome.received:
            image = image_of(path)
            name = f"{image.flavour.lower()}-{image.columns}x{image.rows}"
            shutil.copyfile(path, keep / f"{name}.dcm")
            picture = jpeg_of(path) if image.flavour == "THUMBNAIL" else None
            if picture is not None:
                (keep / "thumbnail.jpg").write_bytes(picture)


@contextmanager
def _private_folder() -> Iterator[Path]:
    """Make a folder that only this user can read, and remove it with the block."""
    with tempfile.TemporaryDirectory(prefix="dicomanon-demo-") as name:
        yield Path(name)


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Let a termination end the block as Ctrl-C does: by an exception, so that everything is tidied up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signals = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, interrupt) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
