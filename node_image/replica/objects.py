"""Objects: what a key can hold beside a plain value. A key has one type, from the first command that gives it one.

Each is made from its value, and `value` gives that back: for reads, and for snapshots. It is always a fresh copy, since
answers and the results that sessions keep must not change when the object does. Members of a set keep the order in
which they came, so that equal logs give equal bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, ClassVar, Final

Element = str | int
"""Of a set: what is told apart by equality alone (1, 1.0 and true are equal in Python, and not in JSON)."""


class Set:
    kind: ClassVar = "set"

    def __init__(self, elements: Iterable[Element] = ()) -> None:
        self.elements: dict[Element, None] = dict.fromkeys(elements)

    def value(self) -> list[Element]:
        return list(self.elements)


class Counter:
    kind: ClassVar = "counter"

    def __init__(self, total: int = 0) -> None:
        self.total = total

    def value(self) -> int:
        return self.total


class Queue:
    """First in, first out."""

    kind: ClassVar = "queue"

    def __init__(self, elements: Iterable[Any] = ()) -> None:
        self.elements = deque(elements)

    def value(self) -> list[Any]:
        return list(self.elements)


class List:
    """Grows at its end."""

    kind: ClassVar = "list"

    def __init__(self, elements: Iterable[Any] = ()) -> None:
        self.elements = list(elements)

    def value(self) -> list[Any]:
        return list(self.elements)


class Lock:
    """`holder` None: it is free. Else its fencing token and the session that acquired it ("" without one). The token is
    the log index of the acquiring entry, so tokens grow, over all locks."""

    kind: ClassVar = "lock"

    def __init__(self, holder: dict[str, Any] | None = None) -> None:
        self.holder = holder

    def value(self) -> dict[str, Any] | None:
        return None if self.holder is None else dict(self.holder)


Object = Set | Counter | Queue | List | Lock
OBJECTS: Final[dict[str, type[Object]]] = {kind.kind: kind for kind in (Set, Counter, Queue, List, Lock)}
