"""Values as keys: two JSON values are the same value exactly if their canonical forms are equal.

Python's own equality will not do: it takes `True` for `1`, and lists and objects do not hash. The rules are those of
JSON itself: numbers are numbers (`1` and `1.0` are one value, as in RFC 8785), booleans are not numbers, and the
order of an object's members means nothing.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any


def canonical(value: Any) -> Hashable:
    """A hashable form. Strings, integers and null stand for themselves, so that it costs nearly nothing for them.

    Raises TypeError for what is no JSON value."""
    kind = type(value)
    if kind is int or kind is str or value is None:
        return value  # type: ignore[no-any-return]
    if kind is bool:
        return ("boolean", "true" if value else "false")
    if kind is float:
        return int(value) if value.is_integer() else value
    if kind is list or kind is tuple:
        return ("array", *map(canonical, value))
    if kind is dict:
        return ("object", *sorted((name, canonical(member)) for name, member in value.items()))
    raise TypeError(f"{value!r} is no JSON value")
