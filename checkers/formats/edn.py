"""A reader for EDN (github.com/edn-format/edn), the part of it that data is written in.

Histories of the Clojure world are EDN. Of the packages for it on PyPI none fits: edn_format is kept up, but takes
2 s for a megabyte, says neither on which line an element begins nor the right line of an error, and brings a
parser generator and time zones along; the others are unmaintained or read another dialect. What is needed is small:
nil, booleans, numbers, strings, characters, keywords, symbols, lists, vectors, maps, sets, comments, `#_` and tags.

| EDN | here |
|---|---|
| nil, true, false | None, True, False |
| integers (also 7N), floats (also 1.5M) | int, float |
| string, \\\\c | str |
| :name, name | Keyword("name"), Symbol("name"): both are str |
| (...), [...] | tuple, list |
| {...} | dict (keys must hash) |
| #{...} | frozenset |
| #tag value | the value alone |
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from checkers.history import HistoryError


class Keyword(str):
    """`:name`, without its colon."""

    __slots__ = ()


class Symbol(str):
    """A bare name."""

    __slots__ = ()


_TOKEN: Final = re.compile(
    r"""(?P<space>[\s,]+|;[^\n]*)
      | (?P<discard>\#_)
      | (?P<open>\#\{|[({\[])
      | (?P<close>[)}\]])
      | (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<character>\\(?:newline|return|space|tab|formfeed|backspace|u[0-9a-fA-F]{4}|\S))
      | (?P<tag>\#[A-Za-z][^\s,;"()\[\]{}]*)
      | (?P<atom>[^\s,;"()\[\]{}\\\#][^\s,;"()\[\]{}\\]*)
    """,
    re.VERBOSE | re.DOTALL,
)
_INTEGER: Final = re.compile(r"[+-]?(?:0|[1-9][0-9]*)N?")
_FLOAT: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?M?")
_NAMED: Final = {"nil": None, "true": True, "false": False}
_CHARACTERS: Final = {
    "newline": "\n",
    "return": "\r",
    "space": " ",
    "tab": "\t",
    "formfeed": "\f",
    "backspace": "\b",
}
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "b": "\b", '"': '"', "\\": "\\"}
_CLOSES: Final = {"(": ")", "[": "]", "{": "}", "#{": "}"}
_NOTHING: Final = object()
MOST_NESTED: Final = 200


def read_all(text: str) -> Iterator[tuple[int, Any]]:
    """Each top-level element with the line on which it begins. Raises HistoryError."""
    reader = _Reader(text)
    while (element := reader.element(top=True)) is not _NOTHING:
        yield reader.began, element


def elements_of(text: str) -> Iterator[tuple[int, Any]]:
    """As read_all; but where the whole text is one list or vector, its elements."""
    reader = _Reader(text)
    if reader.enter_sequence():
        yield from reader.sequence()
        if reader.element(top=True) is not _NOTHING:
            raise HistoryError(reader.began, "something follows after the end of the list")
    else:
        yield from read_all(text)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self.began = 1
        """The line on which the last element read began."""

    def enter_sequence(self) -> bool:
        """Goes into a list or vector, if that is what comes next."""
        at, line = self._at, self._line
        kind, token = self._token()
        if kind == "open" and token in ("(", "["):
            self._closing = _CLOSES[token]
            return True
        self._at, self._line = at, line
        return False

    def sequence(self) -> Iterator[tuple[int, Any]]:
        """The elements of what was entered, each with its line, to the closing bracket."""
        while (element := self.element(closing=self._closing)) is not _NOTHING:
            yield self.began, element

    def element(self, *, top: bool = False, closing: str = "", depth: int = 0) -> Any:
        """The next element, or _NOTHING at the end of the text (top) or at the `closing` bracket."""
        while True:
            kind, token = self._token()
            began = self._line_of_token
            if kind == "discard":
                if self.element(depth=self._deeper(depth)) is _NOTHING:
                    raise HistoryError(began, "nothing follows #_")
            elif kind == "end":
                if top:
                    return _NOTHING
                raise HistoryError(self._line, f"the text ends where {closing or 'an element'} is missing")
            elif kind == "close":
                if token == closing:
                    return _NOTHING
                raise HistoryError(began, f"{token} where {closing or 'an element'} belongs")
            elif kind != "tag":
                value = self._value(kind, token, depth)
                self.began = began
                return value

    def _value(self, kind: str, token: str, depth: int) -> Any:
        if kind == "open":
            return self._collection(token, self._deeper(depth))
        if kind == "string":
            return self._string(token)
        if kind == "character":
            return self._character(token[1:])
        return self._atom(token)

    def _deeper(self, depth: int) -> int:
        if depth >= MOST_NESTED:
            raise HistoryError(self._line, f"more than {MOST_NESTED} brackets inside each other")
        return depth + 1

    def _collection(self, opening: str, depth: int) -> Any:
        line = self._line
        found: list[Any] = []
        while (element := self.element(closing=_CLOSES[opening], depth=depth)) is not _NOTHING:
            found.append(element)
        if opening == "[":
            return found
        if opening == "(":
            return tuple(found)
        try:
            return self._map(found, line) if opening == "{" else frozenset(found)
        except TypeError as error:
            raise HistoryError(line, f"a map's key or a set's member: {error}") from error

    @staticmethod
    def _map(found: list[Any], line: int) -> dict[Any, Any]:
        if len(found) % 2:
            raise HistoryError(line, "a map with a key that has no value")
        return dict(zip(found[::2], found[1::2], strict=True))

    def _string(self, token: str) -> str:
        def unescaped(match: re.Match[str]) -> str:
            if match[1]:
                return chr(int(match[1], 16))
            if match[2] not in _ESCAPES:
                raise HistoryError(self._line_of_token, f"\\{match[2]} in a string")
            return _ESCAPES[match[2]]

        return re.sub(r"\\(?:u([0-9a-fA-F]{4})|(.))", unescaped, token[1:-1], flags=re.DOTALL)

    @staticmethod
    def _character(name: str) -> str:
        if len(name) == 5 and name[0] == "u":
            return chr(int(name[1:], 16))
        return _CHARACTERS.get(name, name)

    def _atom(self, token: str) -> Any:
        if token in _NAMED:
            return _NAMED[token]
        if token[0] == ":" and len(token) > 1:
            return Keyword(token[1:])
        if _INTEGER.fullmatch(token):
            return int(token.rstrip("N"))
        if _FLOAT.fullmatch(token):
            return float(token.rstrip("M"))
        if token[0].isdigit() or token == ":":
            raise HistoryError(self._line_of_token, f"{token!r} is no EDN")
        return Symbol(token)

    def _token(self) -> tuple[str, str]:
        while self._at < len(self._text):
            match = _TOKEN.match(self._text, self._at)
            if match is None:
                raise HistoryError(self._line, f"{self._text[self._at : self._at + 20]!r} is no EDN")
            token, kind = match[0], match.lastgroup or ""
            self._line_of_token = self._line
            self._at = match.end()
            self._line += token.count("\n")
            if kind != "space":
                return kind, token
        return "end", ""
