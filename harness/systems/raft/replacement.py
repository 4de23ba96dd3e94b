"""Replacing nodes of the bundled system: machines that are lost for good, and empty ones that join under their names.

A node that comes back empty has forgotten what it acknowledged and for whom it voted, which no majority may have
counted on it for. So:

    lose     its server is killed; the others take it out; when every one of them knows that to be committed, and not
             before, all that its disk held is removed (one that still acts by an older configuration might be elected
             with the vote of a node that has forgotten what it held)
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

from harness.cluster import IN_FORCE, Evidence, Node, Processes
from harness.systems.raft.membership import ASK_AGAIN_S, PATIENCE_S, RaftMembership, term_of
from harness.world import World

UNSEEN_TERMS: Final = 1
"""Elections that may have begun between the last look at a node and its end."""


class Wiping(Protocol):
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
        self._unwiped: set[str] = set()
        """Of the lost ones, those whose data may be there yet, in part or as a whole."""

    async def lose(self, fault: str, names: Collection[str]) -> Evidence:
        lost = {name for loss in self._lost.values() for name in loss.names} | set(names)
        if 2 * len(lost) >= len(self._nodes):
            return Evidence(effective=False, trouble=f"{', '.join(sorted(lost))} together are no minority")
        term = await self._highest_term()
        began = self._world.now()
        killed = await self._processes.kill(names)
        if not killed.effective:
            return killed
        after = {IN_FORCE: round((self._world.now() - began) / 1e9, 3)}  # out of the cluster they are after that
        removed = await self._membership.remove(fault, names)
        if not removed.effective:
            return removed
        settled = await self._membership.settle(names, lost)
        if not settled.effective:
            return settled
        self._lost[fault] = _Loss(tuple(names), max(term, await self._highest_term()) + UNSEEN_TERMS)
        self._unwiped |= set(names)
        wiped = await self._wipe(names)
        left = [f"{name} still has {found['left']}" for name, found in wiped.items() if found["left"]]
        details = {**after, "killed": killed.details, **settled.details, "wiped": wiped}
        return Evidence(effective=not left, details=details, trouble="; ".join(left) or None)

    async def replace(self, fault: str, names: Collection[str]) -> Evidence:
        await self._wipe(names)
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

    async def _wipe(self, names: Collection[str]) -> dict[str, Mapping[str, Any]]:
        """Those of them whose data are to go and are not known to be gone: half of them is no state to start from.
        Raises ControlError."""
        wiped = {}
        for node in self._nodes:
            if node.name in names and node.name in self._unwiped:
                wiped[node.name] = await self._system.wipe(node, self._nodes)
                if not wiped[node.name]["left"]:
                    self._unwiped.discard(node.name)
        return wiped

    async def verify_healed(self) -> Evidence:
        lost = sorted({name for loss in self._lost.values() for name in loss.names})
        return Evidence(
            effective=not lost, details={"lost": lost}, trouble=f"lost: {', '.join(lost)}" if lost else None
        )

    async def _reach_term(self, term: int) -> str:
        """Hands the leadership over until somebody leads in this term or a later one. Why not, where it does not."""
        last_ns = self._world.now() + int(PATIENCE_S * 1e9)
        while self._world.now() < last_ns:
            statuses = await self._membership.statuses()
            leader = self._membership.leader(statuses)
            if leader is not None and term_of(leader) >= term:
                return ""
            heirs = [name for name in self._membership.wanted() if name in statuses and statuses[name] is not leader]
            if leader is not None and heirs:
                await self._membership.transfer(max(heirs, key=lambda name: int(statuses[name]["applied"])))
            await self._world.sleep(ASK_AGAIN_S)
        return f"nobody leads in term {term} or a later one"

    async def _highest_term(self) -> int:
        return max(map(term_of, (await self._membership.statuses()).values()), default=0)
