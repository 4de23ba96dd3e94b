"""Replacing nodes of the bundled system: machines that are lost for good, and empty ones that join under their names.

A node that comes back empty has forgotten what it acknowledged and for whom it voted, which no majority may have
counted on it for. So:

    lose     its server is killed; the others take it out, and are asked until that is committed; only then is all that
             its disk held removed
    replace  an empty server starts, which is no voter by its own configuration; the leadership is handed over until
             the term is higher than any that the lost one can have acknowledged anything in; it becomes a learner,
             catches up, and votes again

Without the new term an acknowledgement of the lost node, still under way, would count for the new one. (Systems that
give newcomers new names need not do this. Ongaro's dissertation, 4.1, leaves names to whoever operates the cluster.)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from harness.cluster import Evidence, Node, Processes
from harness.errors import ControlError
from harness.system import Status, System
from harness.systems.raft.membership import RaftMembership
from harness.world import World

STATUS_S: Final = 1.0
UNSEEN_TERMS: Final = 1
"""Elections that may have begun between the last look at a node and its end."""
MOST_HAND_OVERS: Final = 5


class Wiping(System, Protocol):
    async def wipe(self, node: Node, nodes: Sequence[Node]) -> Mapping[str, Any]:
        """Removes what a node's disk holds, and makes it a newcomer. `left`: what is there yet. Raises ControlError."""


@dataclass(frozen=True)
class _Loss:
    names: tuple[str, ...]
    term: int
    """The highest that a lost node can have taken part in."""


class RaftReplacements:
    """`Replacements`. `membership` is the one that other faults change."""

    def __init__(
        self, world: World, nodes: Sequence[Node], system: Wiping, processes: Processes, membership: RaftMembership
    ) -> None:
        self._world = world
        self._nodes = nodes
        self._system = system
        self._processes = processes
        self._membership = membership
        self._lost: dict[str, _Loss] = {}

    async def lose(self, fault: str, names: Collection[str]) -> Evidence:
        term = await self._highest_term()
        killed = await self._processes.kill(names)
        if not killed.effective:
            return killed
        removed = await self._membership.remove(fault, names)
        if not removed.effective:
            return removed
        settled = await self._membership.settle()
        if not settled.effective:
            return settled
        self._lost[fault] = _Loss(tuple(names), max(term, await self._highest_term()) + UNSEEN_TERMS)
        wiped = {}
        try:
            for node in self._nodes:
                if node.name in names:
                    wiped[node.name] = await self._system.wipe(node, self._nodes)
        except ControlError as error:
            return Evidence(effective=False, details={"wiped": wiped}, trouble=str(error))
        left = [f"{name} still has {found['left']}" for name, found in wiped.items() if found["left"]]
        details = {"killed": killed.details, **settled.details, "wiped": wiped}
        return Evidence(effective=not left, details=details, trouble="; ".join(left) or None)

    async def replace(self, fault: str, names: Collection[str]) -> Evidence:
        started = await self._processes.restart(names)
        if not started.effective:
            return started
        loss = self._lost.get(fault)
        if loss is not None and (trouble := await self._reach_term(loss.term + 1)):
            return Evidence(effective=False, details=started.details, trouble=trouble)
        restored = await self._membership.restore(fault)
        if restored.effective:
            self._lost.pop(fault, None)
        return Evidence(
            effective=restored.effective, details={**started.details, **restored.details}, trouble=restored.trouble
        )

    async def verify_healed(self) -> Evidence:
        lost = sorted({name for loss in self._lost.values() for name in loss.names})
        return Evidence(
            effective=not lost, details={"lost": lost}, trouble=f"lost: {', '.join(lost)}" if lost else None
        )

    async def _reach_term(self, term: int) -> str:
        """Hands the leadership over until somebody leads in this term or a later one. Why not, where it does not."""
        for _ in range(MOST_HAND_OVERS):
            leader = await self._leader()
            if leader is not None and leader.term >= term:
                return ""
            others = [name for name in self._membership.wanted() if leader is None or name != leader.id]
            if leader is not None and others:
                await self._membership.transfer(others[0])
        return f"nobody leads in term {term} or a later one"

    async def _leader(self) -> Status | None:
        leading = [status for status in await self._statuses() if status.role == "leader"]
        return max(leading, key=lambda status: status.term, default=None)

    async def _highest_term(self) -> int:
        return max((status.term for status in await self._statuses()), default=0)

    async def _statuses(self) -> list[Status]:
        asked = [
            self._world.spawn(self._system.status(self._world, node, timeout_s=STATUS_S), name=f"term-{node.name}")
            for node in self._nodes
        ]
        answers = [await task for task in asked]
        return [answer for answer in answers if answer is not None]
