"""The nemesis: takes commands from a queue, strikes, and in the end heals.

It goes by what it knows: which faults it began (each a `Strike`), and who leads, as the monitor saw it last. Healing
ends every strike, tries again what could not be lifted, and then believes only what the nodes themselves show.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

from harness.cluster import Capabilities, Evidence
from harness.errors import BadInput, ControlError, HealFailed
from harness.nemesis.commands import Begin, Command, End, HealAll, Stop, check_command, check_kinds
from harness.nemesis.fault import FaultKind, View
from harness.nemesis.log import Entry, EventSink
from harness.nemesis.strike import Stage, Strike
from harness.system import Status
from harness.world import Task, World
from harness.world.gather import gather

HEAL_DEADLINE_S: Final = 30.0
HEAL_AGAIN_S: Final = 0.5
LEADER: Final = "leader"


class Commands(Protocol):
    """Where commands come from: a queue (harness.world.sync)."""

    async def get(self) -> Command: ...


class Nemesis:
    """`statuses` gives the newest fresh status of every node, None for one that is silent. Raises BadInput for a kind
    of fault that `capabilities` cannot do."""

    def __init__(
        self,
        world: World,
        kinds: Mapping[str, FaultKind],
        capabilities: Capabilities,
        sink: EventSink,
        statuses: Callable[[], Mapping[str, Status | None]],
    ) -> None:
        check_kinds(kinds, capabilities)
        self._world = world
        self._kinds = kinds
        self._capabilities = capabilities
        self._sink = sink
        self._statuses = statuses
        self._stage = Stage(world, capabilities, sink, self.look)
        self._strikes: dict[str, Strike] = {}
        self._tasks: dict[str, Task[None]] = {}

    def look(self) -> View:
        """The cluster as faults are planned for it. A leader that is down or paused is none."""
        statuses = self._statuses()
        busy = frozenset(name for strike in self._strikes.values() for name in strike.held)
        leader = leader_of(statuses)
        return View(tuple(statuses), None if leader in busy else leader, busy)

    async def run(self, commands: Commands) -> None:
        """Until `Stop`. A command that makes no sense is recorded, and does not end it."""
        while not isinstance(command := await commands.get(), Stop):
            try:
                await self._obey(command)
            except BadInput as error:
                Entry(self._sink, "command", {"command": repr(command)}).fail(f"bad-command: {error}")
            except HealFailed:
                pass  # it is recorded, and whoever ends the run heals again

    async def _obey(self, command: Command) -> None:
        check_command(command, self._kinds, tuple(self._statuses()))
        if isinstance(command, Begin):
            self._begin(command)
        elif isinstance(command, End):
            self._strike(command.fault).ask_end()
        elif isinstance(command, HealAll):
            await self.heal_all()

    def _begin(self, command: Begin) -> None:
        if command.fault in self._strikes:
            raise BadInput(f"There was a fault {command.fault!r} already: each needs an id of its own.")
        strike = Strike(self._stage, self._kinds[command.kind], command)
        self._strikes[command.fault] = strike
        self._tasks[command.fault] = self._world.spawn(strike.live(), name=f"fault-{command.fault}")

    def _strike(self, fault: str) -> Strike:
        if fault not in self._strikes:
            raise BadInput(f"There is no fault {fault!r} to end.")
        return self._strikes[fault]

    async def heal_all(self, *, deadline_s: float = HEAL_DEADLINE_S) -> None:
        """Ends every fault, and proves that nothing is left of any. Raises HealFailed when that has not worked within
        the deadline."""
        entry = Entry(self._sink, "heal", {"action": "heal"})
        last_ns = self._world.now() + int(deadline_s * 1e9)
        troubles = await self._heal()
        while troubles and self._world.now() < last_ns:
            await self._world.sleep(HEAL_AGAIN_S)
            troubles = await self._heal()
        if troubles:
            entry.fail("not-healed: " + "; ".join(troubles))
            raise HealFailed(troubles, deadline_s)
        entry.ok({"verified": sorted(self._verifiers())})

    async def _heal(self) -> list[str]:
        """One attempt. What is still wrong, in words."""
        for strike in self._strikes.values():
            strike.ask_end()
        for task in self._tasks.values():
            await task
        again = {name: strike.lift() for name, strike in self._strikes.items() if strike.stuck is not None}
        await gather(self._world, again, name="lift")
        stuck = [f"{strike.words}: {strike.stuck}" for strike in self._strikes.values() if strike.stuck is not None]
        return stuck or await self._verify()

    async def _verify(self) -> list[str]:
        checks = {name: self._verified(name, verify) for name, verify in self._verifiers().items()}
        return [trouble for trouble in (await gather(self._world, checks, name="verify")).values() if trouble]

    async def _verified(self, name: str, verify: Callable[[], Awaitable[Evidence]]) -> str | None:
        try:
            evidence = await verify()
        except ControlError as error:
            return str(error)
        return None if evidence.effective else evidence.trouble or f"the {name} are not healed"

    def _verifiers(self) -> dict[str, Callable[[], Awaitable[Evidence]]]:
        places = vars(self._capabilities).items()
        return {name: place.verify_healed for name, place in places if place is not None}


def leader_of(statuses: Mapping[str, Status | None]) -> str | None:
    """The node that leads in the highest term."""
    leading = {name: status.term for name, status in statuses.items() if status is not None and status.role == LEADER}
    return max(leading, key=lambda name: leading[name], default=None)
