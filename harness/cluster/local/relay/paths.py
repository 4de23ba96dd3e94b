"""Paths: one for each direction between two nodes, with what faults do to it just now."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

import msgspec

now: Final = time.monotonic


class Held(msgspec.Struct):
    """What a cut has held up on one path. Bytes that the kernel still keeps from the relay are not counted."""

    dials: int = 0
    bytes: int = 0


class Slowing(msgspec.Struct, frozen=True):
    """What a fault does to all that goes over a path. Seconds, and bytes a second (0: as fast as can be)."""

    delay_s: float = 0.0
    jitter_s: float = 0.0
    """Up to so much is added to the delay of each piece. Nothing overtakes: connections keep their order."""
    rate: float = 0.0
    clogged: bool = False
    """Everything waits, and goes on when the fault ends."""


@dataclass
class Path:
    """`cuts`, `slowings`: by fault. Flows that wait for something to change add themselves to `waiting`."""

    random: Random
    cuts: dict[str, Held] = field(default_factory=dict)
    slowings: dict[str, Slowing] = field(default_factory=dict)
    waiting: set[Callable[[], None]] = field(default_factory=set)
    passed_bytes: int = 0
    delayed_bytes: int = 0
    """Those that slowings have kept waiting."""
    _free_at: float = 0.0
    """When the last byte that was taken has left a path that is narrow."""

    @property
    def open(self) -> bool:
        return not self.cuts and not any(slowing.clogged for slowing in self.slowings.values())

    def cut(self, fault: str) -> None:
        self.cuts.setdefault(fault, Held())

    def heal(self, fault: str) -> None:
        self.cuts.pop(fault, None)
        self._changed()

    def slow(self, fault: str, slowing: Slowing) -> None:
        self.slowings[fault] = slowing
        self._changed()

    def calm(self, fault: str) -> None:
        self.slowings.pop(fault, None)
        self._changed()

    def arrives_at(self, size: int) -> float:
        """When so many bytes that set out now are there, whatever happens to the path meanwhile. Delays add up; the
        smallest rate holds."""
        at = now()
        if rates := [slowing.rate for slowing in self.slowings.values() if slowing.rate]:
            at = self._free_at = max(at, self._free_at) + size / min(rates)
        for slowing in self.slowings.values():
            at += slowing.delay_s + slowing.jitter_s * self.random.random()
        if self.slowings:
            self.delayed_bytes += size
        return at

    def hold(self, size: int, *, dial: bool) -> None:
        for held in self.cuts.values():
            held.dials += dial
            held.bytes += size

    def _changed(self) -> None:
        for wake in [*self.waiting]:
            wake()
