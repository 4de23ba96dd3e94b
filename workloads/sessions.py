"""sessions: the same request is sent again on purpose, and must take effect once.

Requests add an element at the end of a list. Some are sent again, by whichever process is free, through its own node:
while the first send is still under way, after its answer, after its time-out, and as often as not after the leader has
changed. Every send is an operation of its own in the history; sends of one element are sends of one request, with one
number. Clients elsewhere never send anything twice; this one does nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from checkers.checker import Checker
from checkers.events import Event, EventType
from checkers.invariants import ExactlyOnce, SetFull
from checkers.objects import ObjectLinearizability
from harness.capabilities import Number, Retries, Transactions
from harness.client import ClientFactory, Invocation
from harness.cluster import Node
from harness.generator import PENDING, Context, Dice, Generator, Source, Step, fill
from harness.system import Answer, Indefinite, Refused, System
from harness.workload import WorkloadOptions
from workloads.client import client_factory
from workloads.objects import ENOUGH, Objects, half_read, read_by_all
from workloads.promises import StrongReads

AGAIN: Final = 0.6
"""Share of the sends that send a request again: half of them one of unknown outcome, if there is one."""
REMEMBERED: Final = 12
"""The requests that may be sent again: the newest of a key."""
MOST_UNSURE: Final = 6
IN_A_ROW: Final = 3
"""One request in so many belongs to a process's own session, whose next command makes it stale. The others have
sessions of their own, and may be sent again at any later time."""
STALE: Final = "stale-sequence"
"""The session has gone on to a later request, and this send changed nothing: that much is certain."""


class Sends(msgspec.Struct, frozen=True):
    """The requests on one key: 0, 1, 2, ..., each new or sent again."""

    number: int = 0
    unsure: tuple[int, ...] = ()
    """Those whose outcome nobody knows, the newest last."""

    def next(self, context: Context) -> Step:
        if not context.free:
            return PENDING
        if self.number and context.dice.random() < AGAIN:
            return fill(Invocation(f="add", value=self._again(context.dice)), context), self
        return fill(Invocation(f="add", value=self.number), context), Sends(self.number + 1, self.unsure)

    def _again(self, dice: Dice) -> int:
        if self.unsure and dice.random() < 0.5:
            return self.unsure[dice.below(len(self.unsure))]
        return self.number - 1 - dice.below(min(self.number, REMEMBERED))

    def update(self, context: Context, event: Event) -> Generator:
        if event.f != "add" or event.type not in (EventType.OK, EventType.INFO):
            return self
        others = tuple(request for request in self.unsure if request != event.value)
        now = (*others, event.value) if event.type is EventType.INFO else others
        return Sends(self.number, now[-MOST_UNSURE:])


def operations(options: WorkloadOptions, processes: int) -> Source:
    return half_read(Sends(), options, processes)


class Calls:
    """`numbers`: of the requests that were sent, for all processes of a run, as a client's own log would have it."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str | None, int], Number] = {}

    async def call(self, session: Any, invocation: Invocation, min_index: int) -> Answer:
        if invocation.f == "read":
            answer: Answer = await session.read(invocation.key, mode=invocation.read, min_index=min_index)
            return Answer(value=answer.value or [], log_index=answer.log_index)
        return await self._send(session, (invocation.key, invocation.value))

    async def _send(self, session: Any, request: tuple[str | None, int]) -> Answer:
        key, element = request
        if request not in self._numbers:
            own = None if element % IN_A_ROW == 0 else f"{session.session}-{key}-{element}"
            self._numbers.setdefault(request, await session.next_number(own))
        number = self._numbers[request]
        try:
            answer = await session.numbered(number).transact([["append", key, element]])
        except Indefinite as error:
            raise (Refused(STALE) if str(error) == STALE else error) from error
        return Answer(value=element, log_index=answer.log_index, session=number.session)


@dataclass(frozen=True, kw_only=True)
class Sessions(Objects):
    def client(self, system: System, nodes: Sequence[Node], options: WorkloadOptions) -> ClientFactory:
        return client_factory(system, nodes, Calls().call, timeout_s=options.call_timeout_s)


def promises(options: WorkloadOptions) -> Sequence[Checker]:
    """The list as a set: a second send of what is there already adds nothing."""
    linearizable, full = ObjectLinearizability("set"), SetFull()
    return (StrongReads(linearizable), StrongReads(full), StrongReads(ExactlyOnce(request="add")))


WORKLOAD: Final = Sessions(
    name="sessions",
    prefix="session",
    needs=(Transactions, Retries),
    call=Calls().call,
    operations=operations,
    promises=promises,
    minimum={"add": ENOUGH, "read": ENOUGH},
    last=read_by_all,
)
