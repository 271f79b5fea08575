"""A page for people who may see what was sent: each picture before and after, with what was found in it."""

from __future__ import annotations

import base64
import html
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.part10.write import storage_errors
from dicomanon.pixels.thumbnails import thumbnail

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dicomanon.pixels.report import PixelReport

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
.warning { border: 2px solid #b00; border-radius: .4rem; padding: .6rem 1rem; }
article { border-top: 1px solid #8888; padding: 1rem 0; }
h2 { font-size: 1rem; overflow-wrap: anywhere; margin: 0; }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: .5rem 0; } figcaption { font-size: .85rem; }
img { max-width: 100%; max-height: 30rem; border: 1px solid #8888; }
.quarantined { color: #b00; } .cleared { color: #070; }
table { border-collapse: collapse; } td, th { padding: .1rem .8rem .1rem 0; text-align: left; }
"""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One instance whose pixels were looked into: a word for what was done, found things by kind, pictures as JPEG."""

    flavour: str
    policy: str
    done: str
    own: int
    found: tuple[tuple[str, int], ...]
    pictures: tuple[tuple[bytes, bytes | None], ...]


def reviewed(report: PixelReport) -> Reviewed:
    """Return what a page shows of a report; frames are drawn around what was found."""
    kinds: dict[str, int] = {}
    for each in report.found:
        kinds[each.kind] = kinds.get(each.kind, 0) + 1
    pictures = tuple(
        (
            thumbnail(look.before, report.found, look.factor),
            None if look.after is None else thumbnail(look.after),
        )
        for look in report.looks
    )
    done = report.done or "quarantined"
    return Reviewed(report.flavour, report.policy, done, report.own, tuple(sorted(kinds.items())), pictures)


def write_review(path: Path, entries: Iterable[tuple[str, str, str, Reviewed]]) -> int:
    """Write the page, for its owner alone; return how many instances are on it.

    Each entry has source, outcome, message and what was reviewed. Raises StorageError.
    """
    articles = [_article(*entry) for entry in entries]
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>dicomanon: review of pictures</title>
<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>
<h1>Pictures that were looked into</h1>
<p class="warning">This page shows pictures as they were sent, with what identifies. It stays where the originals may be
seen, and is deleted when it has been looked at.</p>
<p>{len(articles)} instance{"" if len(articles) == 1 else "s"}. Look at each right-hand picture: is anything left that
names a person? Then the words or places are new to this program: quarantine the instance, and tell the file.</p>
{"".join(articles)}</body></html>
"""
    with storage_errors():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(page)
    return len(articles)


def _article(source: str, outcome: str, message: str, entry: Reviewed) -> str:
    found = ", ".join(f"{count} {kind}" for kind, count in entry.found) or "nothing"
    own = f", {entry.own} of it with a value of the header" if entry.own else ""
    pictures = "".join(
        _figure("before, with frames around what was found", before)
        + (_figure("after", after) if after is not None else "")
        for before, after in entry.pictures
    )
    said = f"<p>{html.escape(message)}</p>" if message else ""
    return f"""<article><h2>{html.escape(source)}</h2>
<table><tr><th>outcome</th><td class="{html.escape(outcome)}">{html.escape(outcome)}</td></tr>
<tr><th>flavour</th><td>{html.escape(entry.flavour)}</td></tr>
<tr><th>policy</th><td>{html.escape(entry.policy)}, {html.escape(entry.done)}</td></tr>
<tr><th>found</th><td>{html.escape(found + own)}</td></tr></table>{said}
<div class="pictures">{pictures}</div></article>
"""


def _figure(caption: str, picture: bytes) -> str:
    data = base64.b64encode(picture).decode()
    source = f"data:image/jpeg;base64,{data}"
    return f'<figure><img alt="{caption}" src="{source}"><figcaption>{caption}</figcaption></figure>'
