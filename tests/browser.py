"""A real browser that looks at a folder of cleared files: in an Orthanc of its own, with two web viewers.

`screenshot_of` is for dicom-microscopy-viewer (from npm), `orthanc_screenshot_of` for Orthanc's own viewer. Every
server is on the loopback address; the browser is told no when it asks for anything that is not.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import pydicom
from PIL import Image, ImageChops

from tests.peers import Orthanc, orthanc_plugin, peer_file, peer_program, running_orthanc

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
VIEWER = HERE / "viewer"
MODULES = VIEWER / "node_modules"
WIDTH, HEIGHT = 1200, 800
Place = tuple[int, int, int, int]
INSIDE: Place = (60, 5, 1150, 795)
PLACES: dict[str, Place] = {
    "volume": (0, 0, 900, 800),
    "overview": (910, 0, 1200, 395),
    "label": (910, 405, 1200, 800),
}
"""Where page.html shows what, in the screenshot: left, top, right, bottom."""

CELLS = (60, 60)
SECONDS = 30
DICOMWEB = "/dicom-web/"
_HELD = ("connection", "content-length", "date", "keep-alive", "server", "transfer-encoding")


@dataclass(frozen=True, slots=True)
class Look:
    """What a browser saw: its picture, what the console of the page said, what the page says it has shown."""

    screenshot: Path
    console: list[dict[str, str]]
    failed: list[str]
    late: str
    shown: dict[str, Any] | None

    @property
    def errors(self) -> list[str]:
        """Everything that went wrong in the page: errors of its console, other hosts asked, never ready."""
        said = [each["text"] for each in self.console if each["type"] == "error"]
        told = self.shown["errors"] if self.shown else []
        return [*said, *told, *self.failed, *([self.late] if self.late else [])]


def artefacts() -> Path:
    """Return the folder where screenshots of a run stay, made if it is not there."""
    folder = Path(os.environ.get("DICOMANON_ARTEFACTS") or HERE.parent / "artefacts").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def screenshot_of(folder: Path, name: str, *, thumbnail: bool = False) -> Path:
    """Show the slide in `folder` with dicom-microscopy-viewer and return the picture, `name`.png.

    Any error in the page fails the test. For `thumbnail` see `look_at`.
    """
    return _without_errors(look_at(folder, name, thumbnail=thumbnail))


def orthanc_screenshot_of(folder: Path, name: str) -> Path:
    """Show the slide in `folder` with Orthanc's own whole-slide viewer and return the picture, `name`.png."""
    return _without_errors(orthanc_look_at(folder, name))


def _without_errors(look: Look) -> Path:
    assert look.errors == []
    return look.screenshot


def look_at(folder: Path, name: str, *, thumbnail: bool = False) -> Look:
    """Show the one study in `folder` with dicom-microscopy-viewer, from an Orthanc that speaks DICOMweb.

    It shows the levels, and at the right an overview and a label where there are any. With `thumbnail` the
    thumbnail is a level as well: then slides of one level are seen as a whole.
    """
    programs = _programs()
    plugin = orthanc_plugin("libOrthancDicomWeb.so", "orthanc-dicomweb")
    peer_file(MODULES / "dicom-microscopy-viewer", "dicom-microscopy-viewer of npm")
    settings = {"Plugins": [plugin], "DicomWeb": {"Enable": True, "Root": DICOMWEB}}
    with _short_lived(settings) as orthanc, _page_server(orthanc) as origin:
        study = _store(orthanc, files_of(folder))
        url = f"{origin}/page.html?study={study['StudyInstanceUID']}{'&thumbnail' * thumbnail}"
        return _look(programs, url, name, "window.shown?.ready")


def orthanc_look_at(folder: Path, name: str) -> Look:
    """Show the one series in `folder` with Orthanc's own whole-slide viewer."""
    programs = _programs()
    plugin = orthanc_plugin("libOrthancWSI.so", "orthanc-wsi")
    with _short_lived({"Plugins": [plugin]}) as orthanc:
        # It takes every image of a series for a level, labels too.
        _store(orthanc, files_of(folder, "VOLUME"))
        (series,) = orthanc.json("/series")
        url = f"http://127.0.0.1:{orthanc.http_port}/wsi/app/viewer.html?series={series}"
        return _look(programs, url, name, "document.querySelector('canvas')")


@contextmanager
def _short_lived(settings: dict[str, Any]) -> Iterator[Orthanc]:
    """Run Orthanc, and end it by force: with plugins it takes seconds to end, for a storage that is thrown away."""
    with running_orthanc(**settings) as orthanc:
        try:
            yield orthanc
        finally:
            os.kill(orthanc.pid, signal.SIGKILL)


def _programs() -> tuple[str, str]:
    node, browser = peer_program("node", "nodejs"), peer_program("chromium", "chromium")
    peer_file(MODULES / "playwright-core", "playwright-core of npm")
    return node, browser


def files_of(folder: Path, flavour: str = "") -> list[Path]:
    """List the DICOM files below a folder, or those of them whose image is of one flavour (VOLUME, LABEL)."""
    files = sorted(folder.rglob("*.dcm"))
    if flavour:
        files = [path for path in files if _flavour(path) == flavour]
    assert files, f"nothing to show: {flavour}"
    return files


def _flavour(path: Path) -> str:
    return str(pydicom.dcmread(path, specific_tags=["ImageType"]).ImageType[2])


def _store(orthanc: Orthanc, files: list[Path]) -> dict[str, str]:
    """Put files into Orthanc and return the attributes of their one study."""
    for path in files:
        orthanc.store(path)
    (study,) = orthanc.json("/studies")
    attributes: dict[str, str] = orthanc.json(f"/studies/{study}")["MainDicomTags"]
    return attributes


def fitted(screenshot: Path, expected: Image.Image) -> tuple[Image.Image, Image.Image]:
    """Cut the slide out of a picture of dicom-microscopy-viewer, and the part that is seen out of `expected`.

    `expected` is the smallest level. The viewer shows the slide as large as fits, in the middle, turned as Image
    Orientation (Slide) says (the label would be at the right), but never smaller than the smallest level.
    """
    place = PLACES["volume"]
    room = (place[2] - place[0], place[3] - place[1])
    scale = max(1.0, min(room[0] / expected.width, room[1] / expected.height))
    seen = (min(room[0], expected.width * scale), min(room[1], expected.height * scale))
    with Image.open(screenshot) as picture:
        shown = _middle(picture.convert("RGB").crop(place), *seen)
    return shown, _middle(expected.rotate(180), seen[0] / scale, seen[1] / scale)


def _middle(picture: Image.Image, width: float, height: float) -> Image.Image:
    left, top = (picture.width - width) / 2, (picture.height - height) / 2
    return picture.crop((round(left), round(top), round(left + width), round(top + height)))


def outlined(screenshot: Path) -> Image.Image:
    """Cut out of a picture of Orthanc's viewer what is not as white as its page, without buttons in its corners."""
    with Image.open(screenshot) as picture:
        inside = picture.convert("RGB").crop(INSIDE)
    box = ImageChops.difference(inside, Image.new("RGB", inside.size, "white")).getbbox()
    return inside.crop(box) if box else inside


def likeness(one: Image.Image, other: Image.Image) -> tuple[float, float]:
    """Return how far the colours of two pictures are apart (0 to 255), and how their structures correlate (to 1)."""
    cells = [
        np.asarray(each.convert("RGB").resize(CELLS, Image.Resampling.BOX), float) for each in (one, other)
    ]
    apart = float(np.abs(cells[0] - cells[1]).mean())
    flat = [each.ravel() - each.mean() for each in cells]
    # A blank picture has no structure, so it has none in common with another.
    lengths = float(np.linalg.norm(flat[0]) * np.linalg.norm(flat[1]))
    return apart, float(flat[0] @ flat[1]) / lengths if lengths else 0.0


def _look(programs: tuple[str, str], url: str, name: str, ready: str) -> Look:
    node, browser = programs
    screenshot = artefacts() / f"{name}.png"
    screenshot.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        wanted = {
            "browser": browser,
            "profile": profile,
            "url": url,
            "screenshot": str(screenshot),
            "width": WIDTH,
            "height": HEIGHT,
            "seconds": SECONDS,
            "ready": ready,
        }
        done = subprocess.run(
            [node, str(VIEWER / "look.mjs"), json.dumps(wanted)],
            check=False,
            capture_output=True,
            text=True,
            timeout=4 * SECONDS,
        )
    assert done.returncode == 0, done.stderr[-2000:]
    return Look(screenshot=screenshot, **json.loads(done.stdout))


@contextmanager
def _page_server(orthanc: Orthanc) -> Iterator[str]:
    """Serve the page and its packages, and pass DICOMweb on to Orthanc: for the browser it is one origin."""
    packages = {
        "/static/js": MODULES / "dicom-microscopy-viewer" / "dist" / "dynamic-import",
        "/dicomweb-client": MODULES / "dicomweb-client" / "build",
        "": VIEWER,
    }

    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing: the console of the page tells what it did not get."""

        def translate_path(self, path: str) -> str:
            folder, _, file = urlsplit(path).path.rpartition("/")
            return str(packages.get(folder, VIEWER / "nothing here") / file)

        def do_GET(self) -> None:
            if not self.path.startswith(DICOMWEB):
                super().do_GET()
                return
            # The browser's Host goes along: Orthanc builds the addresses of bulk data from it.
            upstream = http.client.HTTPConnection("127.0.0.1", orthanc.http_port, timeout=SECONDS)
            try:
                upstream.putrequest("GET", self.path, skip_host=True, skip_accept_encoding=True)
                for header in ("Host", "Accept"):
                    upstream.putheader(header, self.headers.get(header, "*/*"))
                upstream.endheaders()
                answer = upstream.getresponse()
                body = answer.read()
            finally:
                upstream.close()
            self.send_response(answer.status)
            for header, value in answer.getheaders():
                if header.lower() not in _HELD:
                    self.send_header(header, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
