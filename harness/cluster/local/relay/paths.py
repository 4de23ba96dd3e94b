"""Paths: one for each direction between two nodes, with what faults do to it just now."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

import msgspec

from harness.on_nodes.hindrance import Hindrance, together

now: Final = time.monotonic


class Held(msgspec.Struct):
    """What a cut has held up on one path. Bytes that the kernel still keeps from the relay are not counted."""

    dials: int = 0
    bytes: int = 0


@dataclass
class Path:
    """`cuts`, `hindrances`: by fault; of a hindrance, only what streams of bytes can have. Flows add themselves to
    `waiting`, to hear of changes."""

    random: Random
    cuts: dict[str, Held] = field(default_factory=dict)
    hindrances: dict[str, Hindrance] = field(default_factory=dict)
    waiting: set[Callable[[], None]] = field(default_factory=set)
    passed_bytes: int = 0
    resets: int = 0
    """Connections on it that were reset because faults wanted it."""
    resetting: set[str] = field(default_factory=set)
    """Those faults."""
    delayed_bytes: int = 0
    """Those that hindrances have kept waiting."""
    _free_at: float = 0.0
    """When the last byte that was taken has left a path that is narrow."""

    @property
    def open(self) -> bool:
        return not self.cuts and not together(self.hindrances.values()).clogged

    def cut(self, fault: str) -> None:
        self.cuts.setdefault(fault, Held())

    def heal(self, fault: str) -> None:
        self.cuts.pop(fault, None)
        self._changed()

    def hinder(self, fault: str, hindrance: Hindrance) -> None:
        self.hindrances[fault] = hindrance
        self._changed()

    def calm(self, fault: str) -> None:
        self.hindrances.pop(fault, None)
        self._changed()

    def arrives_at(self, size: int) -> float:
        """When so many bytes that set out now are there, whatever happens to the path meanwhile."""
        at = now()
        if not self.hindrances:
            return at
        hindrance = together(self.hindrances.values())
        if hindrance.bytes_per_s:
            at = self._free_at = max(at, self._free_at) + size / hindrance.bytes_per_s
        self.delayed_bytes += size
        return at + max(0.0, hindrance.delay_s + hindrance.jitter_s * self.random.uniform(-1.0, 1.0))

    def hold(self, size: int, *, dial: bool) -> None:
        for held in self.cuts.values():
            held.dials += dial
            held.bytes += size

    def _changed(self) -> None:
        for wake in [*self.waiting]:
            wake()
