"""The state behind the keys: plain values, objects, and which of them have a time to live.

    values     a key's plain value (a register): what JSON can say
    objects    a key's set, counter, queue, list or lock
    leases     of values and locks that end by themselves: the entry that set their time to live

A key is in `values` or in `objects`, never in both; what is asked of a key of another type is refused, `wrong-type`. A
lease names a key of `values`, or a lock that is held. Nothing here knows a clock: a lease ends by an entry (`expiry`).
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

from node_image.replica.objects import OBJECTS, Lock, Object, Set

AnyObject = TypeVar("AnyObject", bound=Object)

Query = str | list[Any]
"""What a read asks for: a key, or ["keys", key, ...], or ["contains", key, element]."""


class Refused(Exception):
    """A command, or a read, that the state does not allow. It has changed nothing. `str(error)` is a word for it."""


class Lease(NamedTuple):
    log_index: int
    """Of the entry that began it, which tells it from later ones of the same key."""
    ttl_ms: int


class State:
    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.objects: dict[str, Object] = {}
        self.leases: dict[str, Lease] = {}
        self.begun: list[str] = []
        """Keys whose lease has begun since somebody last took them from here. No part of the state."""

    def read(self, query: Query) -> Any:
        """None for a key that has nothing. Raises Refused."""
        if isinstance(query, str):
            found = self.objects.get(query) if self.objects else None
            return self.values.get(query) if found is None else found.value()
        kind, *rest = query
        if kind == "keys":
            return [self.read(key) for key in rest]
        key, element = rest
        members = self.find(key, Set)
        return members is not None and element in members.elements

    def find(self, key: str, kind: type[AnyObject]) -> AnyObject | None:
        """The key's object, None where it has nothing. Raises Refused if it has something else."""
        found = self.objects.get(key)
        if isinstance(found, kind):
            return found
        if found is not None or key in self.values:
            raise Refused("wrong-type")
        return None

    def open(self, key: str, kind: type[AnyObject]) -> AnyObject:
        """The key's object, made where it has nothing. Raises Refused if it has something else."""
        found = self.find(key, kind)
        if found is None:
            found = self.objects[key] = kind()
        return found

    def put(self, key: str, value: Any) -> None:
        """A plain value, without a time to live. Raises Refused for a key of another type."""
        if self.objects and key in self.objects:
            raise Refused("wrong-type")
        self.values[key] = value
        if self.leases:
            self.leases.pop(key, None)

    def begin_lease(self, key: str, lease: Lease) -> None:
        self.leases[key] = lease
        self.begun.append(key)

    def end_lease(self, key: str, index: int) -> None:
        """What the entry at `index` wrote or acquired is gone, unless something else has taken its place."""
        lease = self.leases.get(key)
        if lease is None or lease.log_index != index:
            return
        del self.leases[key]
        found = self.objects.get(key)
        if isinstance(found, Lock):
            found.holder = None
        else:
            del self.values[key]

    def dump(self) -> list[Any]:
        objects = {key: [found.kind, found.value()] for key, found in self.objects.items()}
        return [self.values, objects, self.leases]

    @classmethod
    def load(cls, dumped: list[Any]) -> State:
        state = cls()
        state.values, objects, leases = dumped
        state.objects = {key: OBJECTS[kind](value) for key, (kind, value) in objects.items()}
        state.leases = {key: Lease(*lease) for key, lease in leases.items()}
        return state
