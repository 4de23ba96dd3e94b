"""Foreign values made safe to show: nothing that a run folder holds is trusted to have the type it should have.

Values reach the page as text (a browser cannot hold 2**53 + 1 as a number), times as whole microseconds.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from jinja2 import Undefined

MOST_CHARACTERS: Final = 200
MOST_INLINE: Final = 150
"""Characters of a list or mapping that is shown on one line."""
LARGEST_INTEGER: Final = 2**53 - 1
"""The largest integer that a browser holds exactly."""
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Control characters, and those that turn the direction of the text around them."""


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def listing(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def mappings(value: Any) -> list[dict[str, Any]]:
    return [item for item in listing(value) if isinstance(item, dict)]


def whole(value: Any) -> int | None:
    """An integer, or None. A float is cut; a bool is not a number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return int(value)


def number(value: Any) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def microseconds(nanoseconds: int) -> int:
    """Whole microseconds that a browser holds exactly."""
    return max(-LARGEST_INTEGER, min(LARGEST_INTEGER, nanoseconds // 1000))


def printable(text: str) -> str:
    """Control and direction-changing characters as visible escapes."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def shorten(text: str, most: int = MOST_CHARACTERS) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def plain(value: Any, most: int = MOST_CHARACTERS) -> str:
    """Text as it is, anything else as JSON; on one line and no longer than `most` characters."""
    return shorten(printable(value), most) if isinstance(value, str) else show(value, most)


def show(value: Any, most: int = MOST_CHARACTERS) -> str:
    """A value as JSON text, so that 5 and "5" differ."""
    if value is msgspec.UNSET or isinstance(value, Undefined):
        return ""
    try:
        text = msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    return shorten(printable(text), most)


def option(value: Any) -> str:
    """An option as people would write it: lists with commas, nothing as a dash."""
    if value is None or value == [] or value == "":
        return "–"
    if isinstance(value, list | tuple) and not any(isinstance(item, list | dict) for item in value):
        return shorten(", ".join(plain(item) for item in value), 400)
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else plain(value, 400)


def pretty(value: Any) -> str:
    """JSON text over several lines."""
    return "\n".join(printable(line) for line in msgspec.json.format(msgspec.json.encode(value)).decode().split("\n"))


def is_flat(value: Any) -> bool:
    """Whether a value reads well on one line: a scalar, or a short list or mapping of such."""
    if isinstance(value, Mapping):
        return all(_is_scalar(item) for item in value.values()) and len(inline(value)) <= MOST_INLINE
    if isinstance(value, list | tuple):
        return all(is_flat(item) for item in value) and len(inline(value)) <= MOST_INLINE
    return _is_scalar(value)


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, dict | list | tuple) and "\n" not in (text := str(value)) and len(text) <= 160


def inline(value: Any) -> str:
    """A flat value on one line: "n1: 5, n2: 6", "n1 n2 | n3", "refused"."""
    if isinstance(value, Mapping):
        return ", ".join(f"{plain(name, 60)}: {inline(item)}" for name, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        nested = any(isinstance(item, list | tuple | dict) for item in value)
        return (" | " if nested else ", ").join(inline(item) for item in value) or "none"
    return plain(value, 400)


def columns_wide(text: str) -> int:
    """How many columns of a fixed-width font a text takes: East Asian characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
