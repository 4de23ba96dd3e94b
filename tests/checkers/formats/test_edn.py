"""EDN: what text means which data, and on which line bad text is bad."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.formats.edn import Keyword, Symbol, elements_of, read_all
from checkers.history import HistoryError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("nil", None),
        ("true", True),
        ("-7", -7),
        ("12N", 12),
        ("1.5", 1.5),
        ("2e3", 2000.0),
        ("3.25M", 3.25),
        (":ok", Keyword("ok")),
        ("clojure.core/map", Symbol("clojure.core/map")),
        ('"a \\"b\\" \\n \\u0041"', 'a "b" \n A'),
        ("\\a", "a"),
        ("\\newline", "\n"),
        ("[1, 2 3]", [1, 2, 3]),
        ("(1 [2])", (1, [2])),
        ("{:a 1, :b {}}", {"a": 1, "b": {}}),
        ("#{1 2}", frozenset({1, 2})),
        ('#inst "2014"', "2014"),
        ("[1 #_ {:left out} 2 ; and this\n]", [1, 2]),
    ],
)
def test_value(text: str, value: Any) -> None:
    ((_, found),) = read_all(text)
    assert (found, type(found)) == (value, type(value))


def test_lines_of_elements() -> None:
    text = '; a comment\n[{:a 1}\n {:b\n "two\nlines"}\n\n {:c 3}]'
    assert [line for line, _ in elements_of(text)] == [2, 3, 7]
    assert [line for line, _ in elements_of("{:a 1}\n{:b 2}\n")] == [1, 2]


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("[1\n 2", 2, "the text ends where ] is missing"),
        ("[1\n 2)", 2, ") where ] belongs"),
        ("{:a\n 1 :b}", 1, "a map with a key that has no value"),
        ("{{:a 1} 2}", 1, "a map as a map's key or in a set"),
        ('"\nopen', 1, "'\"\\nopen' is no EDN"),
        ("1\n12ab", 2, "'12ab' is no EDN"),
        ("[1]\n2", 2, "something follows after the end of the list"),
        ("[" * 300, 1, "more than 100 brackets inside each other"),
        ("1 #_", 1, "the text ends where an element is missing"),
    ],
)
def test_bad_text(text: str, line: int, why: str) -> None:
    with pytest.raises(HistoryError) as caught:
        list(elements_of(text))
    assert (caught.value.line, caught.value.why) == (line, why)
