"""In which line of a TOML text each key and each value stands: the parser of the standard library does not say."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str | int, ...]
"""Keys from the top level down; a number is the place in an array, or in an array of tables."""

_TOKEN = re.compile(
    r'(?P<text>"""(?:\\.|[^\\])*?"{3,5}|\'{3}.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\')'
    r"|(?P<gap>[ \t\r]+|\#[^\n]*)|(?P<mark>[\[\]{}=,.\n])|(?P<bare>[^\s\[\]{}=,\"'#.]+)",
    re.DOTALL,
)
"""TOML 1.0 taken apart: strings (each kind may hold what elsewhere has a meaning), marks, and bare words."""


def lines_of(text: str) -> dict[Path, int]:
    """Return the line, from 1, of every key, table and array member of a text that is valid TOML 1.0."""
    return _Reader(text).lines


class _Reader:
    """Reads tokens from first to last; `lines` is what was met."""

    def __init__(self, text: str) -> None:
        self.lines: dict[Path, int] = {}
        self._tokens = list(_tokens(text))
        self._at = 0
        self._counts: dict[Path, int] = {}
        table: Path = ()
        while self._at < len(self._tokens):
            mark, line = self._tokens[self._at]
            if mark == "\n":
                self._at += 1
            elif mark == "[":
                table = self._header(line)
            else:
                self._pair(table)

    def _header(self, line: int) -> Path:
        """Read `[a.b]` or `[[a.b]]`: of an array of tables each one counts, and what follows is of the last."""
        many = self._tokens[self._at + 1][0] == "["
        self._at += 2 if many else 1
        words = self._key()
        self._at += 2 if many else 1
        path: Path = ()
        for at, word in enumerate(words):
            path = (*path, word)
            if many and at == len(words) - 1:
                self._counts[path] = self._counts.get(path, -1) + 1
            self.lines.setdefault(path, line)
            if path in self._counts:
                path = (*path, self._counts[path])
                self.lines.setdefault(path, line)
        return path

    def _key(self) -> list[str]:
        words = [_unquoted(self._tokens[self._at][0])]
        self._at += 1
        while self._tokens[self._at][0] == ".":
            words.append(_unquoted(self._tokens[self._at + 1][0]))
            self._at += 2
        return words

    def _pair(self, table: Path) -> None:
        line = self._tokens[self._at][1]
        path = table
        for word in self._key():
            path = (*path, word)
            self.lines.setdefault(path, line)
        self._at += 1  # the equals sign
        self._value(path)

    def _value(self, path: Path) -> None:
        mark = self._tokens[self._at][0]
        self._at += 1
        if mark == "[":
            self._members(path)
        elif mark == "{":
            while self._tokens[self._at][0] != "}":
                if self._tokens[self._at][0] == ",":
                    self._at += 1
                else:
                    self._pair(path)
            self._at += 1
        else:
            while self._at < len(self._tokens) and self._tokens[self._at][0] not in ("\n", ",", "]", "}"):
                self._at += 1  # the rest of a number or a date

    def _members(self, path: Path) -> None:
        count = 0
        while (found := self._tokens[self._at])[0] != "]":
            if found[0] in ("\n", ","):
                self._at += 1
                continue
            self.lines[(*path, count)] = found[1]
            self._value((*path, count))
            count += 1
        self._at += 1


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    line = 1
    for found in _TOKEN.finditer(text):
        if found.lastgroup != "gap":
            yield found.group(), line
        line += found.group().count("\n")


def _unquoted(word: str) -> str:
    if word[0] not in "\"'":
        return word
    read: str = tomllib.loads(f"key = {word}")["key"]
    return read
