"""Conditions of masks, in the script language of CTP's DicomFilter ("The CTP DICOM Filter" in the RSNA MIRC wiki).

Terms are `Keyword.method("text")`, `[gggg,eeee].method("text")`, `true.` and `false.`; `!` binds closest, then `*`
(and), then `+` (or). Spaces and ends of lines may stand between words; a comment goes from two slashes to the end of
its line. A string ends at the next quotation mark: nothing is escaped.
"""

from __future__ import annotations

import operator
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from dicomanon import standard
from dicomanon.errors import ProfileError
from dicomanon.profile.words import nearest, parse_tag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST_EXPRESSION = 500
"""Characters of a regular expression: nobody describes a model in more, and long ones may take for ever."""
DEEPEST = 50
"""Parentheses in parentheses, long before Python itself gives up."""
WITHOUT_TEXT = frozenset(("SQ", "OB", "OD", "OF", "OL", "OV", "OW", "UN"))
"""VRs whose elements have no text, so that no condition could ever hold."""
PADDING = " \0"


class SignatureError(Exception):
    """Something in a signature is not understood; `at` is the place in the text."""

    def __init__(self, said: str, at: int) -> None:
        super().__init__(said)
        self.said = said
        self.at = at


class Condition(Protocol):
    """What can be asked of the elements of an instance."""

    def holds(self, value_of: Callable[[int], str]) -> bool:
        """Tell whether it is so; `value_of` returns the text of an element, "" where it is missing."""


@dataclass(frozen=True, slots=True)
class Always:
    """`true.` or `false.`."""

    value: bool

    def holds(self, value_of: Callable[[int], str]) -> bool:  # noqa: ARG002 - whatever the instance has
        """Tell which of the two it is."""
        return self.value


@dataclass(frozen=True, slots=True)
class Comparison:
    """An element compared with a text."""

    tag: int
    method: str
    text: str

    def holds(self, value_of: Callable[[int], str]) -> bool:
        """Compare; padding is no part of a value."""
        return METHODS[self.method](value_of(self.tag).strip(PADDING), self.text)


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    of: Condition

    def holds(self, value_of: Callable[[int], str]) -> bool:
        """Tell whether the other one does not hold."""
        return not self.of.holds(value_of)


@dataclass(frozen=True, slots=True)
class AllOf:
    """Terms with `*` between them."""

    of: tuple[Condition, ...]

    def holds(self, value_of: Callable[[int], str]) -> bool:
        """Tell whether all of them hold."""
        return all(one.holds(value_of) for one in self.of)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Terms with `+` between them."""

    of: tuple[Condition, ...]

    def holds(self, value_of: Callable[[int], str]) -> bool:
        """Tell whether one of them holds."""
        return any(one.holds(value_of) for one in self.of)


def _matches(value: str, expression: str) -> bool:
    """Match all of the value, as Java's `matches` does; classes like that of digits are ASCII, as in Java."""
    return re.fullmatch(expression, value, re.ASCII) is not None


def _number(text: str) -> float | None:
    """Return the number that is left when all but digits and points is taken away: so does CTP, even with a minus."""
    try:
        return float(re.sub(r"[^0-9.]", "", text))
    except ValueError:
        return None


def _less(value: str, text: str) -> bool:
    first, second = _number(value), _number(text)
    return first is not None and second is not None and first < second


def _greater(value: str, text: str) -> bool:
    return _less(text, value)


def _whatever_case(method: Callable[[str, str], bool]) -> Callable[[str, str], bool]:
    return lambda value, text: method(value.lower(), text.lower())


_EXACT: dict[str, Callable[[str, str], bool]] = {
    "equals": operator.eq,
    "contains": operator.contains,
    "startsWith": str.startswith,
    "endsWith": str.endswith,
}
_OF_NUMBERS = {"isLessThan": _less, "isGreaterThan": _greater}
METHODS: Mapping[str, Callable[[str, str], bool]] = {
    **_EXACT,
    **{f"{name}IgnoreCase": _whatever_case(method) for name, method in _EXACT.items()},
    **_OF_NUMBERS,
    "matches": _matches,
}

_GAP = re.compile(r"(?:\s|//[^\n]*)*")
_TOKEN = re.compile(
    r'(?P<word>[A-Za-z][A-Za-z0-9]*)|(?P<tag>\[(?:[^\[\]\n]|\[[^\[\]\n]*\])*\])|(?P<string>"[^"\r\n]*")'
    r"|(?P<mark>::|[+*!().])"
)
_ROUND_TAG = re.compile(r"\(\s*[0-9A-Fa-f]{4},?[0-9A-Fa-f]{4}\s*\)")
_PLAIN_TAG = re.compile(r"\[([0-9A-Fa-f]{4},?[0-9A-Fa-f]{4})\]")


class _Token(NamedTuple):
    """A word, tag, string, mark or the end."""

    kind: str
    text: str
    at: int


def read_signature(text: str, start: int, end: int) -> Condition:
    """Read what stands in a text between two places; raise SignatureError where it is not understood."""
    reader = _Reader(_tokens(text, start, end))
    condition = reader.any_of(0)
    reader.expect("end", "", "+, * or the end of the signature")
    return condition


def _tokens(text: str, start: int, end: int) -> list[_Token]:
    found: list[_Token] = []
    at = start
    while (at := _after_gap(text, at, end)) < end:
        if _ROUND_TAG.match(text, at, end):
            raise SignatureError("a tag is written [gggg,eeee], in square brackets", at)
        token = _TOKEN.match(text, at, end)
        if token is None:
            said = {
                '"': "a string is not closed in its line; a } ends a signature even in a string",
                "{": "a { stands in a signature: is the one before it closed?",
            }
            raise SignatureError(
                said.get(text[at], f"{text[at]!r} has no meaning in a signature; is it closed with }}?"), at
            )
        found.append(_Token(str(token.lastgroup), token[0], at))
        at = token.end()
    found.append(_Token("end", "", end))
    return found


def _after_gap(text: str, at: int, end: int) -> int:
    gap = _GAP.match(text, at, end)
    return gap.end() if gap else at


class _Reader:
    """Reads tokens from first to last, a method for each thing they make up."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def any_of(self, depth: int) -> Condition:
        parts = [self._all_of(depth)]
        while self._took("+"):
            parts.append(self._all_of(depth))
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _all_of(self, depth: int) -> Condition:
        parts = [self._perhaps_not(depth)]
        while self._took("*"):
            parts.append(self._perhaps_not(depth))
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _perhaps_not(self, depth: int) -> Condition:
        if not self._took("!"):
            return self._term(depth)
        twice = self._tokens[self._at]
        if self._took("!"):
            # CTP forgets one of them
            raise SignatureError("!! means one thing to CTP and another to everybody else", twice.at)
        return Not(self._term(depth))

    def _term(self, depth: int) -> Condition:
        first = self._tokens[self._at]
        if self._took("("):
            if depth == DEEPEST:
                raise SignatureError(f"more than {DEEPEST} parentheses stand in one another", first.at)
            inner = self.any_of(depth + 1)
            self.expect("mark", ")", "+, * or )")
            return inner
        if first.kind not in ("word", "tag"):
            raise SignatureError(f"a condition is missing{_before(first)}", first.at)
        self._at += 1
        if self._took("::"):
            raise SignatureError("elements within sequences (::) are not read", first.at)
        self.expect("mark", ".", f"a point after {first.text!r}")
        if first.text in ("true", "false"):
            return Always(first.text == "true")
        return self._comparison(first)

    def _comparison(self, element: _Token) -> Comparison:
        tag = _tag(element)
        method = self.expect("word", None, "a method after the point")
        if method.text not in METHODS:
            hint = nearest(method.text, METHODS)
            raise SignatureError(f"there is no method {method.text!r}{hint}", method.at)
        self.expect("mark", "(", f"( after {method.text!r}")
        string = self.expect("string", None, "a string in quotation marks")
        self.expect("mark", ")", ") after the string")
        text = string.text[1:-1]
        if method.text == "matches":
            _check_expression(text, string.at)
        if method.text in _OF_NUMBERS and _number(text) is None:
            raise SignatureError(f"{string.text} is no number to compare with", string.at)
        return Comparison(tag, method.text, text)

    def _took(self, mark: str) -> bool:
        token = self._tokens[self._at]
        if token.kind != "mark" or token.text != mark:
            return False
        self._at += 1
        return True

    def expect(self, kind: str, text: str | None, said: str) -> _Token:
        """Go past a token of a kind, or raise SignatureError."""
        token = self._tokens[self._at]
        if token.kind != kind or (text is not None and token.text != text):
            raise SignatureError(f"expected {said}{_before(token)}", token.at)
        self._at += token.kind != "end"
        return token


def _before(token: _Token) -> str:
    return f" before {token.text!r}" if token.text else " before the end of the signature"


def _tag(token: _Token) -> int:
    """Return the tag of an element that PS3.6 knows and that has a text."""
    plain = _PLAIN_TAG.fullmatch(token.text)
    if token.kind == "tag" and plain is None:
        said = "private elements are not read" if "[" in token.text[1:] else "a tag is written [gggg,eeee]"
        raise SignatureError(f"{token.text!r}: {said}", token.at)
    try:
        tag = parse_tag(plain[1] if plain else token.text)
    except ProfileError as error:
        raise SignatureError(str(error), token.at) from None
    if tag >> 16 & 1:
        # whose block it is may differ from file to file
        raise SignatureError(f"{token.text!r}: private elements are not read", token.at)
    vrs = standard.vrs_of(tag)
    if not vrs:
        raise SignatureError(f"{token.text!r} is no tag of PS3.6", token.at)
    if WITHOUT_TEXT.issuperset(vrs):
        raise SignatureError(f"{token.text!r} has no text to compare", token.at)
    return tag


def _check_expression(text: str, at: int) -> None:
    """Refuse what is too long, what does not compile, and sets within sets, which Java alone understands."""
    if len(text) > LONGEST_EXPRESSION:
        raise SignatureError(f"a regular expression is longer than {LONGEST_EXPRESSION} characters", at)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(text, re.ASCII)
    except (re.error, ValueError, OverflowError, RecursionError, Warning) as error:
        raise SignatureError(f"a regular expression is not understood: {error}", at) from None
