"""Connections between local nodes that the relay resets: both ends hear of it from the kernel, in the middle of what
they send. Believed by the connections that were reset; lifted when the relay has nothing of the fault's any more."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from harness.cluster import Evidence, Link
from harness.cluster.local.line import RelayLine
from harness.cluster.local.packets import link_of
from harness.cluster.local.relay.commands import Calm, Look, PathState, Reset
from harness.cluster.over_ssh.shell import evidence
from harness.world import World

SHOW_S: Final = 3.0
"""Nodes that have lost a connection dial again, sooner or later."""
LOOK_S: Final = 0.02


class LocalResets:
    """`Resets`."""

    def __init__(self, world: World, relay: RelayLine) -> None:
        self._world = world
        self._relay = relay
        self._before: dict[str, dict[str, int]] = {}
        """By fault: how many there had been on its links."""

    async def begin(self, fault: str, links: Collection[Link], every_s: float) -> Evidence:
        now = await self._resets()
        before = self._before.setdefault(fault, {link.words: now[link.words] for link in sorted(links)})
        await self._relay.tell(Reset(fault, sorted(links), every_s))
        last_ns = self._world.now() + int((SHOW_S + every_s) * 1e9)
        while not any((resets := await self._since(before)).values()) and self._world.now() < last_ns:
            await self._world.sleep(LOOK_S)
        return evidence({"resets": resets}, [] if any(resets.values()) else ["there was no connection to reset"])

    async def end(self, fault: str) -> Evidence:
        await self._relay.tell(Calm(fault))
        left = [link_of(state).words for state in await self._states() if fault in state.resetting]
        resets = await self._since(self._before.get(fault, {}))
        if not left:
            self._before.pop(fault, None)
        return evidence({"resets": resets}, [f"{words} is still reset because of {fault}" for words in left])

    async def verify_healed(self) -> Evidence:
        left = sorted({fault for state in await self._states() for fault in state.resetting})
        return evidence({}, [f"the relay still resets connections because of {fault}" for fault in left])

    async def _since(self, before: dict[str, int]) -> dict[str, int]:
        now = await self._resets()
        return {words: now[words] - count for words, count in before.items()}

    async def _resets(self) -> dict[str, int]:
        return {link_of(state).words: state.resets for state in await self._states()}

    async def _states(self) -> list[PathState]:
        return await self._relay.tell(Look())
