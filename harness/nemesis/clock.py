"""Clock faults: the wall clock that a server process sees goes wrong; its monotonic clock and the host's never do.

A variant is a shape and a target: `jump-back-leader`, `strobe-all`. Shapes:

- jump-forward, jump-back: one jump; ending it is the jump the other way.
- strobe: there and back again, several times a second. For a system that trusts the wall clock this is the worst:
  whatever moment something else goes wrong, a jump back is never far.
- drift: the clock runs fast or slow, in steps of at most 2 ms (a rate is not possible: see docs/faults.md).

Magnitudes go from milliseconds to minutes, evenly on a logarithmic scale; most are larger than an election timeout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log
from random import Random
from typing import Any, Final

from harness.cluster import Capabilities, Evidence
from harness.errors import BadInput
from harness.nemesis.exact import all_free, check_names, positive_seconds, seconds, some_nodes
from harness.nemesis.fault import Variant, View, offered
from harness.nemesis.targets import ALL, FOLLOWERS, LEADER, MAJORITY, MINORITY, ONE, choose
from harness.world import Future, World

SMALL_S: Final = (0.005, 1.0)
LARGE_S: Final = (1.0, 120.0)
LARGE_SHARE: Final = 0.85
STROBE_PERIOD_S: Final = (0.15, 0.5)
DRIFT_STEP_S: Final = (0.001, 0.002)
DRIFT_PERIOD_S: Final = 0.2


@dataclass(frozen=True)
class Jump:
    targets: tuple[str, ...]
    seconds: float

    def describe(self) -> Mapping[str, Any]:
        return {"offset_s": self.seconds}

    async def begin(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.clocks).shift(fault, dict.fromkeys(self.targets, self.seconds))

    async def end(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.clocks).shift(fault, dict.fromkeys(self.targets, 0.0))


@dataclass(frozen=True)
class Strobe(Jump):
    """`period_s`: from one flip to the next."""

    period_s: float

    def describe(self) -> Mapping[str, Any]:
        return {"offset_s": self.seconds, "period_s": self.period_s}

    async def sustain(self, fault: str, capabilities: Capabilities, world: World, stop: Future[None]) -> None:
        away = True
        while not stop.done():
            await world.sleep(self.period_s)
            away = not away
            offset_s = self.seconds if away else 0.0
            await offered(capabilities.clocks).shift(fault, dict.fromkeys(self.targets, offset_s), prove=False)


@dataclass(frozen=True)
class Drift(Jump):
    """`seconds` more (or less) every `period_s`."""

    period_s: float

    def describe(self) -> Mapping[str, Any]:
        return {"step_s": self.seconds, "period_s": self.period_s}

    async def sustain(self, fault: str, capabilities: Capabilities, world: World, stop: Future[None]) -> None:
        offset_s = self.seconds
        while not stop.done():
            await world.sleep(self.period_s)
            offset_s += self.seconds
            await offered(capabilities.clocks).shift(fault, dict.fromkeys(self.targets, offset_s), prove=False)


def magnitude(rng: Random) -> float:
    """Seconds, rounded to the millisecond; most above 1 s, longer than an election."""
    low, high = LARGE_S if rng.random() < LARGE_SHARE else SMALL_S
    return round(exp(rng.uniform(log(low), log(high))), 3)


def _jump_forward(targets: tuple[str, ...], rng: Random) -> Jump:
    return Jump(targets, magnitude(rng))


def _jump_back(targets: tuple[str, ...], rng: Random) -> Jump:
    return Jump(targets, -magnitude(rng))


def _strobe(targets: tuple[str, ...], rng: Random) -> Jump:
    return Strobe(targets, rng.choice((-1, 1)) * magnitude(rng), round(rng.uniform(*STROBE_PERIOD_S), 3))


def _drift(targets: tuple[str, ...], rng: Random) -> Jump:
    return Drift(targets, rng.choice((-1, 1)) * round(rng.uniform(*DRIFT_STEP_S), 4), DRIFT_PERIOD_S)


_SHAPES: Final = {
    "jump-forward": (2, _jump_forward),
    "jump-back": (3, _jump_back),
    "strobe": (3, _strobe),
    "drift": (1, _drift),
}
_TARGET_WEIGHTS: Final = {ONE: 1, MINORITY: 1, LEADER: 3, FOLLOWERS: 1, MAJORITY: 1, ALL: 1}


@dataclass(frozen=True)
class ClockFault:
    name: str = "clock"
    needs: str = "clocks"
    exclusive: bool = False

    @property
    def variants(self) -> Mapping[str, Variant]:
        return {
            f"{shape}-{target}": Variant(shape_weight * target_weight)
            for shape, (shape_weight, _) in _SHAPES.items()
            for target, target_weight in _TARGET_WEIGHTS.items()
        }

    def plan(self, variant: str, view: View, rng: Random) -> Jump:
        shape, _, target = variant.rpartition("-")
        return _SHAPES[shape][1](choose(target, view, rng), rng)

    def exact(self, details: Mapping[str, Any], view: View) -> Jump:
        """`nodes`, and the shape by what is there: `offset_s` (a jump), `offset_s` and `period_s` (a strobe), `step_s`
        and perhaps `period_s` (a drift)."""
        check_names(details, ["nodes", "offset_s", "period_s", "step_s"], "a clock fault")
        if ("offset_s" in details) == ("step_s" in details):
            raise BadInput("a clock fault takes 'offset_s' (a jump, or with 'period_s' a strobe) or 'step_s' (a drift)")
        nodes = all_free(some_nodes(details, "nodes", view), view)
        period_s = positive_seconds(details, "period_s") if "period_s" in details else None
        if "step_s" in details:
            return Drift(nodes, seconds(details, "step_s"), DRIFT_PERIOD_S if period_s is None else period_s)
        offset_s = seconds(details, "offset_s")
        return Jump(nodes, offset_s) if period_s is None else Strobe(nodes, offset_s, period_s)

    def details_of(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        shape = {name: value[name] for name in ("offset_s", "step_s", "period_s") if name in value}
        return {"nodes": list(value["targets"]), **shape}


FAULT: Final = ClockFault()
