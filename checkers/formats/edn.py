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
| {...} | dict (vectors in keys become tuples) |
| #{...} | frozenset (vectors in it become tuples) |
| #tag value | the value alone; but of a tag that ends in "tuple" KeyAndValue |

It is fast because what there is much of costs little: a map or vector of nothing but atoms is one token, which is split
at its spaces, and an atom that came before is looked up instead of being read again. Time and memory are in proportion
to the text, whatever the text.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, Final

from checkers.history import HistoryError


class Keyword(str):
    """`:name`, without its colon."""

    __slots__ = ()


class Symbol(str):
    """A bare name."""

    __slots__ = ()


class KeyAndValue(list[Any]):
    """A vector that was tagged as a tuple: Jepsen's way to say which key a value belongs to."""

    __slots__ = ()


_TOKEN: Final = re.compile(
    r"""[{\[][^\n;"()\[\]{}\\\#]*+[}\]]               # a map or vector of atoms, on one line
      | [^\s,;"()\[\]{}\\\#][^\s,;"()\[\]{}\\]*+   # an atom
      | [()\[\]{}]
      | \n                                         # to count lines; other white space and commas match nothing
      | "(?:[^"\\]++|\\.)*+"
      | ;[^\n]*+
      | \#(?:[{_]|[A-Za-z][^\s,;"()\[\]{}\\]*+)
      | \\(?:newline|return|space|tab|formfeed|backspace|u[0-9a-fA-F]{4}|\S)
      | [^\s,].{0,19}                              # what is no EDN, and a little of what follows
    """,
    re.VERBOSE | re.DOTALL,
)
_TAG: Final = re.compile(r"\#[A-Za-z][^\s,;\"()\[\]{}\\]*+")
_STRING: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
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
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_NOTHING: Final = object()
LONGEST_ODD: Final = 20
"""Characters of a token that is no EDN; see _TOKEN."""
MOST_NESTED: Final = 100
MOST_DIGITS: Final = 300
"""Python converts long numbers in time that grows with the square of their length, and refuses very long ones."""
MOST_ATOMS: Final = 100_000
"""How many are remembered."""


class _Atoms(dict[str, Any]):
    """Atom -> its value. `line` is where the reader is, for errors."""

    line = 1

    def __missing__(self, token: str) -> Any:
        value = _atom(token, self.line)
        if len(self) >= MOST_ATOMS:
            self.clear()
        self[token] = value
        return value


def _atom(token: str, line: int) -> Any:
    if token in _NAMED:
        return _NAMED[token]
    if token[0] == ":" and len(token) > 1:
        return Keyword(token[1:])
    if _INTEGER.fullmatch(token) or _FLOAT.fullmatch(token):
        return _number(token, line)
    if token[0].isdigit() or token == ":":
        raise HistoryError(line, f"{_short(token)!r} is no EDN")
    return Symbol(token)


def _number(token: str, line: int) -> int | float:
    if len(token) > MOST_DIGITS:
        raise HistoryError(line, f"a number of more than {MOST_DIGITS} digits")
    if _INTEGER.fullmatch(token):
        return int(token.rstrip("N"))
    number = float(token.rstrip("M"))
    if number in (float("inf"), float("-inf")):
        raise HistoryError(line, f"{token} is too large for a number")
    return number


def _short(token: str) -> str:
    return token if len(token) <= 40 else f"{token[:40]}..."


def read_all(text: str) -> Iterator[tuple[int, Any]]:
    """Each top-level element with the line on which it begins. Raises HistoryError."""
    return _Reader(text).elements(closing="")


def elements_of(text: str) -> Iterator[tuple[int, Any]]:
    """As read_all; but where the whole text is one list or vector, its elements."""
    opening = re.match(r"(?:[\s,]|;[^\n]*+)*+([\[(])", text)
    if opening is None:
        yield from read_all(text)
        return
    reader = _Reader(text, opening.end())
    yield from reader.elements(closing="]" if opening[1] == "[" else ")")
    for line, _ in reader.elements(closing=""):
        raise HistoryError(line, "something follows after the end of the list")


class _Reader:
    def __init__(self, text: str, begin: int = 0) -> None:
        self._tokens = map(re.Match[str].group, _TOKEN.finditer(text, begin))
        self._line = 1 + text.count("\n", 0, begin)
        self._atoms = _Atoms()

    def elements(self, *, closing: str) -> Iterator[tuple[int, Any]]:
        """The elements from here to the closing bracket, or to the end of the text, each with its line."""
        for token in self._tokens:
            if token == closing:
                return
            line = self._line
            value = self._value(token, closing, 1)
            if value is not _NOTHING:
                yield line, value
        if closing:
            raise self._ended(closing)

    def _until(self, closing: str, depth: int) -> list[Any]:
        """The elements of a collection whose opening bracket was read."""
        if depth > MOST_NESTED:
            raise HistoryError(self._line, f"more than {MOST_NESTED} brackets inside each other")
        found: list[Any] = []
        atoms = self._atoms
        for token in self._tokens:
            if token in atoms:
                found.append(atoms[token])
            elif token == closing:
                return found
            elif (value := self._value(token, closing, depth + 1)) is not _NOTHING:
                found.append(value)
        raise self._ended(closing)

    def _one(self, depth: int) -> Any:
        """The element that must follow."""
        if depth > MOST_NESTED:
            raise HistoryError(self._line, f"more than {MOST_NESTED} brackets inside each other")
        for token in self._tokens:
            value = self._value(token, "", depth + 1)
            if value is not _NOTHING:
                return value
        raise self._ended("an element")

    def _ended(self, lacking: str) -> HistoryError:
        return HistoryError(self._line, f"the text ends where {lacking} is missing")

    def _value(self, token: str, closing: str, depth: int) -> Any:
        """What begins with this token, read to its end; _NOTHING for line ends, comments and what `#_` leaves out."""
        match token[0]:
            case "\n":
                self._line += 1
                return _NOTHING
            case "[":
                return self._until("]", depth) if token == "[" else self._flat(token, "]")
            case "{":
                line = self._line
                return _map(self._until("}", depth) if token == "{" else self._flat(token, "}"), line)
            case "(":
                return tuple(self._until(")", depth))
            case '"':
                return self._string(token)
            case "#":
                return self._dispatched(token, depth)
            case "\\":
                return self._character(token[1:])
            case ";":
                return _NOTHING
            case ")" | "]" | "}":
                raise HistoryError(self._line, f"{token} where {closing or 'an element'} belongs")
            case _:
                self._atoms.line = self._line
                return self._atoms[token]

    def _flat(self, token: str, closing: str) -> list[Any]:
        """The elements of a map or vector of atoms."""
        if token[-1] != closing:
            raise HistoryError(self._line, f"{token[-1]} where {closing} belongs")
        self._atoms.line = self._line
        return [*map(self._atoms.__getitem__, token[1:-1].replace(",", " ").split())]

    def _dispatched(self, token: str, depth: int) -> Any:
        line = self._line
        if token == "#{":
            return frozenset(_hashable(line, each) for each in self._until("}", depth))
        if token != "#_" and not _TAG.fullmatch(token):
            raise HistoryError(line, f"{token!r} is no EDN")
        value = self._one(depth)
        if token == "#_":
            return _NOTHING
        return KeyAndValue(value) if _is_tuple(token, value) else value

    def _string(self, token: str) -> str:
        line = self._line
        self._line += token.count("\n")
        if len(token) <= LONGEST_ODD and not _STRING.fullmatch(token):
            raise HistoryError(line, f"{token!r} is no EDN")
        if "\\" not in token:
            return token[1:-1]

        def unescaped(match: re.Match[str]) -> str:
            if match[1]:
                return chr(int(match[1], 16))
            if match[2] not in _ESCAPES:
                raise HistoryError(line, f"\\{match[2]} in a string")
            return _ESCAPES[match[2]]

        text = re.sub(r"\\(?:u([0-9a-fA-F]{4})|(.))", unescaped, token[1:-1], flags=re.DOTALL)
        return self._whole(text)

    def _character(self, name: str) -> str:
        if len(name) == 5 and name[0] == "u":
            return self._whole(chr(int(name[1:], 16)))
        if name in _CHARACTERS:
            return _CHARACTERS[name]
        if len(name) == 1:
            return name
        raise HistoryError(self._line, f"a character \\{_short(name)} that EDN does not have")

    def _whole(self, text: str) -> str:
        """Escapes come from UTF-16, where two of them may be one character; half of one is none."""
        if _SURROGATES.search(text):
            try:
                return text.encode("utf-16", "surrogatepass").decode("utf-16")
            except UnicodeDecodeError:
                raise HistoryError(self._line, "half of a surrogate pair: no character") from None
        return text


def _map(found: Sequence[Any], line: int) -> dict[Any, Any]:
    if len(found) % 2:
        raise HistoryError(line, "a map with a key that has no value")
    try:
        made = dict(zip(found[::2], found[1::2], strict=True))
    except TypeError:
        names = [_hashable(line, name) for name in found[::2]]
        made = dict(zip(names, found[1::2], strict=True))
    if 2 * len(made) != len(found):
        raise HistoryError(line, "a map that has the same key twice")
    return made


def _hashable(line: int, value: Any) -> Hashable:
    if isinstance(value, list | tuple):
        return tuple(_hashable(line, each) for each in value)
    if isinstance(value, dict):
        raise HistoryError(line, "a map as a map's key or in a set")
    return value  # type: ignore[no-any-return]


def _is_tuple(tag: str, value: Any) -> bool:
    return tag.lower().endswith("tuple") and isinstance(value, list) and len(value) == 2
