"""A cluster that exists only as far as faults touch it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from checkers.events import Event, EventType
from harness.cluster import Capabilities, Evidence, Link
from harness.errors import ControlError
from harness.system import Status
from harness.world import World
from harness.world.virtual import VirtualWorld

STEP_S = 0.01
"""What it takes to reach a node."""


@dataclass
class FakeCluster:
    """Network, Processes and Clocks in one. `scripts` says what is wrong, by method: each call takes the next word
    ("fine", "weak": no effect, "lost": ControlError), and the last word stands for all that follow."""

    world: VirtualWorld
    nodes: tuple[str, ...] = ("n1", "n2", "n3", "n4", "n5")
    leader: str | None = "n1"
    scripts: dict[str, list[str]] = field(default_factory=dict)
    cuts: dict[str, frozenset[Link]] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    stopped: set[str] = field(default_factory=set)
    offsets: dict[str, dict[str, float]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(network=self, processes=self, clocks=self)

    @property
    def whole(self) -> bool:
        return not (self.cuts or self.down or self.stopped or any(self.offsets.values()))

    def statuses(self) -> dict[str, Status | None]:
        return {name: None if name in self.down | self.stopped else self._status(name) for name in self.nodes}

    def _status(self, name: str) -> Status:
        role = "leader" if name == self.leader else "follower"
        return Status(id=name, term=1, role=role, leader=self.leader, commit=0, applied=0, wall=0, mono=0)

    async def cut(self, fault: str, links: Collection[Link]) -> Evidence:
        if await self._goes_well("cut"):
            self.cuts[fault] = frozenset(links)
        return self._evidence("cut", fault in self.cuts)

    async def heal(self, fault: str) -> Evidence:
        if well := await self._goes_well("heal"):
            self.cuts.pop(fault, None)
        return self._evidence("heal", well)

    async def kill(self, names: Collection[str]) -> Evidence:
        assert not self.down & set(names), "killed twice"
        assert not self.stopped & set(names), "killed while paused"
        if await self._goes_well("kill"):
            self.down |= set(names)
        return self._evidence("kill", set(names) <= self.down)

    async def restart(self, names: Collection[str], *, prove: bool = True) -> Evidence:
        if await self._goes_well("restart"):
            self.down -= set(names)
        return self._evidence("restart", not self.down & set(names))

    async def pause(self, names: Collection[str]) -> Evidence:
        assert not self.down & set(names), "paused while down"
        assert not self.stopped & set(names), "paused twice"
        if await self._goes_well("pause"):
            self.stopped |= set(names)
        return self._evidence("pause", set(names) <= self.stopped)

    async def resume(self, names: Collection[str]) -> Evidence:
        if await self._goes_well("resume"):
            self.stopped -= set(names)
        return self._evidence("resume", not self.stopped & set(names))

    async def shift(self, fault: str, offsets_s: Mapping[str, float], *, prove: bool = True) -> Evidence:
        if await self._goes_well("shift"):
            kept = {name: seconds for name, seconds in offsets_s.items() if seconds}
            self.offsets[fault] = kept
        return self._evidence("shift", True)

    async def verify_healed(self) -> Evidence:
        well = await self._goes_well("verify")
        return Evidence(effective=well and self.whole, trouble=None if well and self.whole else "n3 is not whole")

    async def _goes_well(self, method: str) -> bool:
        self.calls.append(method)
        await self.world.sleep(STEP_S)
        script = self.scripts.get(method, ["fine"])
        word = script.pop(0) if len(script) > 1 else script[0]
        if word == "lost":
            raise ControlError("n3: the connection is gone")
        return word == "fine"

    def _evidence(self, method: str, effective: bool) -> Evidence:
        return Evidence(effective=effective, details={"did": method}, trouble=None if effective else f"n3: no {method}")


@dataclass
class FakeRecorder:
    world: World
    events: list[Event] = field(default_factory=list)

    def record(self, **fields: Any) -> Event:
        kept = {name: value for name, value in fields.items() if value is not None or name == "value"}
        event = Event(index=len(self.events), time=self.world.now(), **kept)
        self.events.append(event)
        return event

    @property
    def lines(self) -> list[str]:
        """Every event in a few words: "f1 begin ok", "f1 begin fail no-target"."""
        return [self._line(event) for event in self.events if event.type is not EventType.INVOKE]

    def _line(self, event: Event) -> str:
        action = event.value.get("action", event.f)
        words = [event.fault, action, event.type.value, (event.error or "").split(":")[0]]
        return " ".join(word for word in words if word)
