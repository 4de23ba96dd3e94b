"""A strike: the life of one fault, from the command that asked for it until it is lifted.

    planned -> begun, proven -> in force (sustained) -> ended, proven
       |           |
       |           +- no effect: undone, drawn again
       +- no target: drawn again

Each strike is a task of its own, so that a slow one keeps no other waiting. A strike that could not be lifted keeps
its injection (`stuck` says why), and healing tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from harness.cluster import Capabilities, Evidence
from harness.errors import ControlError
from harness.nemesis.commands import Begin
from harness.nemesis.deck import Deck
from harness.nemesis.exact import EXACT
from harness.nemesis.fault import FaultKind, Injection, NoTarget, View
from harness.nemesis.log import Entry, EventSink
from harness.world import Task, World

DRAWS: Final = 5
"""How often it is drawn and takes no effect, before it is given up."""
LOOKS: Final = 20
"""How often a target is looked for, all draws together. Usually the fault's own end comes first."""
LOOKS_FOR_ONE: Final = 4
"""After so many looks without a target the variant is drawn anew."""
AGAIN_S: Final = 0.5
"""Between two looks: an election takes about so long."""
LIFTS: Final = 8
LIFT_AGAIN_S: Final = 0.25
"""The first wait between two attempts to lift; each wait is twice the one before, up to a second. All in all that is
long enough for a server that was killed under another fault to come back and show its clock."""
LIFT_AGAIN_MOST_S: Final = 1.0


@dataclass(frozen=True)
class Stage:
    """Where strikes happen."""

    world: World
    capabilities: Capabilities
    sink: EventSink
    look: Callable[[], View]


class Strike:
    """`command` has been checked against the kinds."""

    def __init__(self, stage: Stage, kind: FaultKind, command: Begin) -> None:
        self._stage = stage
        self._kind = kind
        self._command = command
        self._end_asked = stage.world.future()
        self._injection: Injection | None = None
        self._variant = ""
        self._draws = 0
        self._missed = False
        self.fault = command.fault
        """The id of the draw that is in force, or was last tried."""
        self.stuck: str | None = None
        """Why it could not be lifted."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The nodes that it hits just now."""
        return () if self._injection is None else self._injection.targets

    @property
    def held(self) -> tuple[str, ...]:
        """The nodes that no other exclusive fault may hit."""
        return self.targets if self._kind.exclusive else ()

    @property
    def words(self) -> str:
        return f"{self._kind.name} {self._variant} {self.fault}"

    def ask_end(self) -> None:
        """It will end as soon as it can. Asking twice is no error."""
        if not self._end_asked.done():
            self._end_asked.set_result(None)

    async def live(self) -> None:
        """All of it. Control trouble is recorded, not raised."""
        await self._draw()
        if self._injection is None:
            return
        sustaining = self._sustain(self._injection)
        await self._end_asked
        if sustaining is not None:
            await sustaining
        await self.lift()

    async def _draw(self) -> None:
        """Until a draw takes hold, or there is no more time or patience."""
        rng = self._stage.world.random(f"nemesis-{self._command.fault}")
        deck = Deck(self._kind.variants, rng)
        self._variant = EXACT if self._command.exact is not None else self._command.variant or deck.deal()
        for look in range(1, LOOKS + 1):
            if await self._take_hold(rng) or self._draws == DRAWS:
                return
            await self._stage.world.sleep(AGAIN_S)
            if self._end_asked.done():
                return
            if look % LOOKS_FOR_ONE == 0 and not self._command.insist and self._command.exact is None:
                self._variant = deck.deal()

    async def _take_hold(self, rng: Random) -> bool:
        """Whether the fault is in force now, or may be."""
        try:
            injection = self._plan(self._stage.look(), rng)
        except NoTarget as error:
            self._miss(str(error))
            return False
        # Nothing is awaited between the look and this line, so no two strikes can plan for the same node.
        self._injection = injection
        self._missed = False
        return await self._begin(injection, self._next_entry(injection))

    def _plan(self, view: View, rng: Random) -> Injection:
        """Raises NoTarget."""
        if self._command.exact is not None:
            return self._kind.exact(self._command.exact, view)
        return self._kind.plan(self._variant, view, rng)

    def _miss(self, why: str) -> None:
        """Recorded once for all looks in a row that find nobody."""
        if not self._missed:
            self._missed = True
            self._next_entry(None).fail(f"no-target: {why}")

    def _next_entry(self, injection: Injection | None) -> Entry:
        """For the next draw, which gets an id of its own."""
        self._draws += 1
        self.fault = self._command.fault if self._draws == 1 else f"{self._command.fault}.{self._draws}"
        return self._entry("begin", injection)

    async def _begin(self, injection: Injection, entry: Entry) -> bool:
        try:
            evidence = await injection.begin(self.fault, self._stage.capabilities)
        except ControlError as error:
            entry.info(f"control: {error}")
            return True
        if evidence.effective:
            entry.ok(evidence.details)
            return True
        undone = await self._undo(injection)
        entry.fail(f"no-effect: {evidence.trouble}", {"begin": evidence.details, "undo": undone.details})
        return not undone.effective

    async def _undo(self, injection: Injection) -> Evidence:
        evidence = await self._end_repeatedly(injection)
        if evidence.effective:
            self._injection = None
        else:
            self.stuck = evidence.trouble
        return evidence

    def _sustain(self, injection: Injection) -> Task[None] | None:
        sustain = getattr(injection, "sustain", None)
        if sustain is None:
            return None
        return self._stage.world.spawn(self._sustained(sustain), name=f"sustain-{self.fault}")

    async def _sustained(self, sustain: Callable[..., Any]) -> None:
        try:
            await sustain(self.fault, self._stage.capabilities, self._stage.world, self._end_asked)
        except ControlError as error:
            Entry(self._stage.sink, self._kind.name, {"action": "sustain"}, fault=self.fault).info(f"control: {error}")

    async def lift(self) -> None:
        """Lifts what is in force, and records it. Afterwards nothing is, or `stuck` says why."""
        if self._injection is None:
            return
        entry = self._entry("end", self._injection)
        evidence = await self._end_repeatedly(self._injection)
        if evidence.effective:
            self._injection, self.stuck = None, None
            entry.ok(evidence.details)
            return
        self.stuck = evidence.trouble or "it is still in force"
        (entry.info if evidence.details.get("control") else entry.fail)(f"not-lifted: {self.stuck}", evidence.details)

    async def _end_repeatedly(self, injection: Injection) -> Evidence:
        evidence = await self._end_once(injection)
        for number in range(LIFTS - 1):
            if evidence.effective:
                break
            await self._stage.world.sleep(min(LIFT_AGAIN_S * 2**number, LIFT_AGAIN_MOST_S))
            evidence = await self._end_once(injection)
        return evidence

    async def _end_once(self, injection: Injection) -> Evidence:
        try:
            return await injection.end(self.fault, self._stage.capabilities)
        except ControlError as error:
            return Evidence(effective=False, details={"control": str(error)}, trouble=str(error))

    def _entry(self, action: str, injection: Injection | None) -> Entry:
        value: dict[str, Any] = {"action": action, "kind": self._kind.name, "variant": self._variant}
        described: Mapping[str, Any] = injection.describe() if injection is not None and action == "begin" else {}
        value |= {"targets": list(injection.targets) if injection is not None else [], **described}
        return Entry(self._stage.sink, self._kind.name, value, fault=self.fault)
