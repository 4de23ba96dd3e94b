"""What a session can do beside reading and writing keys, each a small protocol: a system offers those that it has.

    Sets, Counters, Queues, Locks, Ids      objects behind a key
    Leases                                  locks that run out
    KeptLocks                               locks that run out unless they are kept alive
    Transactions                            several keys at once
    Watches                                 being told what is written
    Retries                                 the same command sent again

A workload names those that its client calls (`needs`); whether a system offers them is asked before anything is
started. Nothing is registered: a session offers a protocol by having its methods. As in `KeyValue`, every method raises
Definite or Indefinite; Refused where the object's state says no.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, get_type_hints, runtime_checkable

import msgspec

from harness.client import READ_MODES
from harness.errors import BadInput
from harness.system import Answer, ChangesMembers, KeyValue, ReplacesNodes, System
from harness.workload import Workload


@runtime_checkable
class Sets(Protocol):
    """Elements are strings or whole numbers."""

    async def set_add(self, key: str, element: Any) -> Answer: ...
    async def set_remove(self, key: str, element: Any) -> Answer: ...

    async def set_contains(self, key: str, element: Any, *, mode: str, min_index: int = 0) -> Answer:
        """True or false."""

    async def set_read(self, key: str, *, mode: str, min_index: int = 0) -> Answer:
        """A list of all elements."""


@runtime_checkable
class Counters(Protocol):
    """A counter begins at 0."""

    async def counter_add(self, key: str, amount: int) -> Answer: ...
    async def counter_read(self, key: str, *, mode: str, min_index: int = 0) -> Answer: ...


@runtime_checkable
class Queues(Protocol):
    """First in, first out. Elements are not null."""

    async def enqueue(self, key: str, element: Any) -> Answer: ...

    async def dequeue(self, key: str) -> Answer:
        """The oldest element, None where there is none."""

    async def drain(self, key: str) -> Answer:
        """A list of all elements, oldest first: none is left."""


@runtime_checkable
class Locks(Protocol):
    async def acquire(self, key: str) -> Answer:
        """The fencing token. Raises Refused where the lock is held."""

    async def release(self, key: str, token: int) -> Answer:
        """Raises Refused where it is not held with this token."""


@runtime_checkable
class Leases(Locks, Protocol):
    """Locks that run out by themselves."""

    async def acquire_for(self, key: str, seconds: float) -> Answer:
        """The fencing token of a hold that ends after so long, or later. Raises Refused where the lock is held."""


@runtime_checkable
class KeptLocks(Locks, Protocol):
    """Locks that run out when their holder is no more, as those do that are meant for mutual exclusion."""

    async def acquire_kept(self, key: str, seconds: float) -> Answer:
        """The fencing token of a hold that is kept alive, behind the caller's back, until it is released or the session
        is closed; it ends when nothing has been heard for so long, or longer. Raises Refused where the lock is held."""


@runtime_checkable
class Ids(Protocol):
    async def generate(self) -> Answer:
        """An id that is given out once."""


@runtime_checkable
class Transactions(Protocol):
    async def transact(self, steps: Sequence[Sequence[Any]]) -> Answer:
        """The steps, with what was read: `["r", key, None]`, `["w", key, value]`, `["append", key, element]`, and of
        counters `["add", key, amount]` and the condition `["at-least", key, number]`. All happen, at once, or none:
        raises Refused where a condition does not hold."""

    async def read_together(self, keys: Sequence[str], *, mode: str, min_index: int = 0) -> Answer:
        """The values of the keys at one moment."""


@runtime_checkable
class Watches(Protocol):
    """Answers are lists of events, `[index, key, value]`, in the order in which they were told."""

    async def watch(self, prefix: str, *, after: int, seconds: float) -> Answer:
        """What was written to keys that begin with `prefix` after this index: as soon as something is told, or after so
        many seconds, nothing. Where it ends, the next call goes on."""

    async def watch_to_newest(self, prefix: str) -> Answer:
        """The same from the beginning, up to the newest write that there is now."""


class Number(msgspec.Struct, frozen=True, gc=False):
    """What makes a command the same command when it is sent again. `opened`: where its session began, for systems
    that want to know."""

    session: str
    seq: int
    opened: int | None = None


@runtime_checkable
class Retries(Protocol):
    """Commands carry a number; of those with one number, through whatever sessions, one takes effect."""

    async def next_number(self, session: str | None = None) -> Number:
        """For one command: this session's next, or the first of a session of its own, which no later command makes
        stale. Nothing is sent for it but what a connection needs. Raises Definite."""

    def numbered(self, number: Number) -> Any:
        """This session once more, whose one command carries this number. It has the methods that the session has."""


_WORDS: Final[dict[type, str]] = {
    Sets: "sets",
    Counters: "counters",
    Queues: "queues",
    Locks: "locks",
    Leases: "locks that run out",
    KeptLocks: "locks that are kept alive",
    Ids: "unique ids",
    Transactions: "transactions",
    Watches: "watches",
    Retries: "commands that can be sent again",
}


def offers(system: System, capability: type) -> bool:
    """Whether the system's sessions have all that a protocol asks for, by the class that `connect` is said to give."""
    session = get_type_hints(type(system).connect).get("return", KeyValue)
    return isinstance(session, type) and issubclass(session, capability)


def lacking(system: System) -> Mapping[str, str]:
    """What cannot be done to a system's nodes though a place could (fields of `harness.cluster.Capabilities`), and why:
    the end of a sentence."""
    members = {} if isinstance(system, ChangesMembers) else {"membership": "it offers no way to change its membership"}
    lost = (
        {}
        if not members and isinstance(system, ReplacesNodes)
        else {"replacements": "it offers no way to replace a lost node"}
    )
    return {**members, **lost, **system.lacks}


def among_all(workload: Workload, system: System) -> bool:
    """Whether `--workload all` means this one too."""
    fits = all(offers(system, need) for need in getattr(workload, "needs", ()))
    return fits and not getattr(workload, "by_name", False)


def check(workloads: Sequence[Workload], system: System, read_mode: str | None = None) -> None:
    """Raises BadInput for a workload that needs what the system does not offer. `read_mode`: the experiment's, None for
    each workload's own."""
    for workload in workloads:
        mode = read_mode or getattr(workload, "reads", READ_MODES[0])
        if mode not in system.read_modes:
            raise BadInput(
                f"The workload {workload.name} cannot run on the system {system.name} with {mode} reads: "
                f"it has {', '.join(system.read_modes)} ones."
            )
        missing = [_words(need) for need in getattr(workload, "needs", ()) if not offers(system, need)]
        if missing:
            raise BadInput(
                f"The workload {workload.name} cannot run on the system {system.name}: it needs {', '.join(missing)}, "
                "which its sessions do not offer."
            )


def _words(capability: type) -> str:
    return _WORDS.get(capability, capability.__name__)
