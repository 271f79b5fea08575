"""Clear one slide as a run does: by its header alone, or with boxes that a survey found; print what it took as JSON."""

from __future__ import annotations

import io
import json
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

from dicomanon.part10.read import read_instance, replayed
from dicomanon.pipeline import Cleared, clear, make_route
from dicomanon.pixels.box import Box, Found
from dicomanon.pixels.clean import SOP_INSTANCE
from dicomanon.pixels.frames import index_frames, read_frames
from dicomanon.pixels.header import Header
from dicomanon.pixels.layout import layout_of, plane_of
from dicomanon.pixels.picture import picture_of
from dicomanon.pixels.places import Places, owner_of, place_of
from dicomanon.pixels.redact import redact_frame
from dicomanon.profile import load_profile
from dicomanon.pseudonym import Pseudonymizer

SIDE = 2
"""A box reaches over so many tiles in each direction, and a little of the next."""


def main(source: Path, out: Path, boxes: int) -> None:
    """Clear `source` into `out` with so many boxes, none of them meaning that pixels are not looked into."""
    profile = load_profile("research-wsi")
    if boxes:
        profile = replace(profile, pixels=MappingProxyType({**profile.pixels, "VOLUME": "clean"}))
    route = make_route("bench", profile, Pseudonymizer(bytes(32)), durable=False)
    touched: dict[int, list[Box]] = {}
    encoding = 0.0
    with io.FileIO(source) as file:
        if boxes:
            places, touched = _places(file, boxes)
            route = replace(route, places=(places,))
            encoding = _encoding(file, touched)
        file.seek(0)
        started = time.perf_counter()
        outcome = clear(partial(read_instance, file), route, out, again=partial(replayed, file))
        seconds = time.perf_counter() - started
    if not isinstance(outcome, Cleared):
        sys.exit(str(outcome))
    print(
        json.dumps(
            {"seconds": seconds, "frames": len(touched), "encoding": encoding, "path": str(outcome.path)}
        )
    )


def _encoding(file: io.FileIO, touched: dict[int, list[Box]]) -> float:
    """Return the seconds it takes to encode frames again, and nothing else."""
    file.seek(0)
    instance = read_instance(file)
    again, picture = replayed(file, instance), picture_of(instance)
    index = index_frames(again(), picture)
    frames = list(read_frames(again().body, index, picture, touched))
    started = time.perf_counter()
    for number, frame in frames:
        redact_frame(frame, picture, touched[number], "black")
    return time.perf_counter() - started


def _places(file: io.FileIO, count: int) -> tuple[Places, dict[int, list[Box]]]:
    """Return boxes spread over the slide, as a survey of a lower level would tell them, and the frames they touch."""
    instance = read_instance(file)
    header = Header.of(instance)
    picture = picture_of(instance)
    layout, plane = layout_of(header, picture), plane_of(header)
    if plane is None:
        sys.exit("the slide does not say where it lies")
    wide, high = SIDE * picture.columns, SIDE * picture.rows
    boxes = [
        Box(left, top, left + wide, top + high)
        for left, top in (
            (layout.columns * (number + 1) // (count + 2) + 17, layout.rows * (number + 1) // (count + 2) + 9)
            for number in range(count)
        )
    ]
    found = tuple(place_of(Found("text", box, 1.0), plane, plane.millimetres(layout.whole)) for box in boxes)
    places = Places(owner_of(header), plane.frame, found, frozenset((header.text(SOP_INSTANCE),)))
    return places, layout.frames_at([each.box for each in places.found_in(plane, layout)])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
