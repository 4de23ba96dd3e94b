"""Membership of the bundled node, changed by its own client protocol: whoever leads is asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from harness.cluster import Evidence, Node
from harness.system import Definite, Indefinite
from harness.systems.raft.client import RaftKeyValue
from harness.world import World

ASK_S: Final = 1.0
"""For one answer: a change takes a few round trips, and nodes that come back must catch up first."""
PATIENCE_S: Final = 4.0
ASK_AGAIN_S: Final = 0.1


class RaftMembership:
    """Nodes may be taken out by several faults: those that are out of none are members."""

    def __init__(self, world: World, nodes: Sequence[Node]) -> None:
        self._world = world
        self._nodes = nodes
        self._out: dict[str, tuple[str, ...]] = {}

    async def remove(self, fault: str, names: Collection[str]) -> Evidence:
        self._out[fault] = tuple(names)
        if not self.wanted():
            return Evidence(effective=False, trouble="nobody would be left")
        return await self._make_it_so()

    async def restore(self, fault: str) -> Evidence:
        self._out.pop(fault, None)
        return await self._make_it_so() if self.wanted() else Evidence(effective=True)

    async def transfer(self, to: str) -> Evidence:
        last_ns = self._world.now() + int(PATIENCE_S * 1e9)
        errors: dict[str, str] = {}
        while self._world.now() < last_ns:
            for node in await self._leaders_first():
                answer, error = await self._ask(node, {"op": "transfer", "to": to})
                if answer is not None and answer.get("leader") == to:
                    return Evidence(effective=True, details={"leader": to, "term": answer.get("term")})
                errors[node.name] = error or f"{answer}"
            await self._world.sleep(ASK_AGAIN_S)
        return Evidence(effective=False, details=errors, trouble=f"nobody handed over to {to}: {errors}")

    async def verify_healed(self) -> Evidence:
        everyone = [node.name for node in self._nodes]
        members = await self._members()
        wrong = [] if members == everyone else [f"the members are {members}, not {everyone}"]
        return Evidence(effective=not wrong, details={"members": members}, trouble="; ".join(wrong) or None)

    async def settle(self, gone: Collection[str], lost: Collection[str]) -> Evidence:
        """Waits until all nodes but the lost ones know to be committed that those who are gone are no members: only
        then can nobody act by a configuration that needs them."""
        last_ns = self._world.now() + int(PATIENCE_S * 1e9)
        committed: int | None = None
        while True:
            statuses = await self.statuses()
            leader = self.leader(statuses)
            if committed is None and leader is not None and _without(leader, gone):
                committed = int(leader["commit"])
            sure = {
                name
                for name, status in statuses.items()
                if committed is not None and int(status["commit"]) >= committed and _without(status, gone)
            }
            unsure = [node.name for node in self._nodes if node.name not in lost and node.name not in sure]
            if not unsure:
                return Evidence(effective=True, details={"members": self.wanted()})
            if self._world.now() >= last_ns:
                trouble = f"{', '.join(unsure)} may still take {', '.join(sorted(gone))} for members"
                return Evidence(effective=False, trouble=trouble)
            await self._world.sleep(ASK_AGAIN_S)

    def wanted(self) -> list[str]:
        """Who are to be members."""
        out = {name for names in self._out.values() for name in names}
        return [node.name for node in self._nodes if node.name not in out]

    async def _make_it_so(self) -> Evidence:
        """Asks until the members are those that are wanted: an answer may be lost, and another change go on."""
        last_ns = self._world.now() + int(PATIENCE_S * 1e9)
        errors: dict[str, str] = {}
        while True:
            wanted = self.wanted()
            members = await self._members()
            if members == wanted:
                return Evidence(effective=True, details={"members": members})
            if self._world.now() >= last_ns:
                trouble = f"the members are {members}, not {wanted}: {errors}"
                return Evidence(effective=False, details={"members": members, "errors": errors}, trouble=trouble)
            for node in await self._leaders_first():
                answer, error = await self._ask(node, {"op": "reconfigure", "voters": wanted})
                if answer is not None:
                    break
                errors[node.name] = error
            await self._world.sleep(ASK_AGAIN_S)

    async def _members(self) -> list[str] | None:
        """As the leader of the highest term has them, if they are not just changing."""
        newest = self.leader(await self.statuses())
        return None if newest is None or newest.get("outgoing") else list(newest.get("voters", ()))

    def leader(self, statuses: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """The status of who leads in the highest term that any of those knows that are to be members: one of an older
        term does not know yet that it leads no more."""
        newest = max((term_of(statuses[name]) for name in self.wanted() if name in statuses), default=0)
        leading = [status for status in statuses.values() if status.get("role") == "leader"]
        return next((status for status in leading if term_of(status) >= newest), None)

    async def _leaders_first(self) -> list[Node]:
        statuses = await self.statuses()
        leads = {name: status.get("role") == "leader" for name, status in statuses.items()}
        return [node for node in self._nodes if leads.get(node.name)]

    async def statuses(self) -> dict[str, Mapping[str, Any]]:
        tasks = {
            node.name: self._world.spawn(self._ask(node, {"op": "status"}), name=f"members-{node.name}")
            for node in self._nodes
        }
        answers = {name: await task for name, task in tasks.items()}
        return {name: answer for name, (answer, _) in answers.items() if answer is not None}

    async def _ask(self, node: Node, request: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str]:
        """The answer, or why there is none."""
        asking = RaftKeyValue(self._world, node, timeout_s=ASK_S, session="")
        try:
            return await asking.ask(request), ""
        except (Definite, Indefinite) as error:
            return None, str(error)
        finally:
            asking.close()


def term_of(status: Mapping[str, Any]) -> int:
    return int(status.get("term", 0))


def _without(status: Mapping[str, Any], gone: Collection[str]) -> bool:
    """Whether a node knows to be committed that these are no members of any kind, and that nobody is on the way."""
    named = {*status.get("voters", ()), *status.get("outgoing", ()), *status.get("learners", ())}
    return status.get("changing") is False and not status.get("learners") and not named & set(gone)
