"""Locks: one at a time, in four strengths.

| model | who may release | acquired again by its holder | tokens |
|---|---|---|---|
| mutex | anyone | no | ignored |
| owner-mutex | the process that acquired it | no | ignored |
| reentrant-mutex | the process that acquired it | yes, and released as often | ignored |
| fenced-mutex | who shows its token; without one, the process that acquired it | no | grow with every acquire |

The owner is the process (docs/history-format.md): after an unknown outcome a client goes on under another number, and
a lock that the old number may hold stays with it, as it would for a client that died.

A fenced mutex whose acquire has no answer has some token above all before. Its state then tells only the least that
the token can be; tokens are whole numbers, so that is the last one plus one. A later token has to be above, and a
release with a token has to show one that is not below. So one state stands for all possible tokens, exactly; and of two
states that differ only in how high tokens went, the lower one covers the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Final, NamedTuple, cast

from checkers.events import EventType
from checkers.history import Operation
from checkers.models.model import UNKNOWN, Action, Call, Model, State, answered, asked, foreign

SOMEBODY_ELSE: Final = -1
"""A process that none of the calls at hand is by."""


def _processes(actions: Sequence[Action]) -> set[int]:
    return {action.call.process for action in actions if action.call.process is not None}


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


class _Lock(Model):
    functions: Final = ("acquire", "release")

    def calls(self, operation: Operation) -> Call | None:
        if operation.f not in self.functions:
            raise foreign(self, operation)
        return Call(operation.f, None, None, operation.process)

    def given(self, value: Any) -> Sequence[Call]:
        if value is None:
            return ()
        if not _whole(value):
            raise ValueError("null, or the number of the process that holds it")
        return (Call("acquire", None, None, value),)


class Mutex(_Lock):
    """State: whether it is held."""

    name: Final = "mutex"
    start: Final = False

    def calls(self, operation: Operation) -> Call | None:
        call = super().calls(operation)
        return call and call._replace(process=None)

    def step(self, state: State, call: Call) -> Iterable[State]:
        if call.f == "acquire":
            return () if state else (True,)
        return (False,) if state else ()

    def anything(self, actions: Sequence[Action]) -> Sequence[State]:
        return False, True


class OwnerMutex(_Lock):
    """State: who holds it, or None."""

    name: Final = "owner-mutex"
    start: Final = None

    def step(self, state: State, call: Call) -> Iterable[State]:
        if call.f == "acquire":
            return (call.process,) if state is None else ()
        return (None,) if state == call.process else ()

    def anything(self, actions: Sequence[Action]) -> Sequence[State]:
        return None, *_processes(actions), SOMEBODY_ELSE


class ReentrantMutex(_Lock):
    """State: (who holds it, how many times), or None."""

    name: Final = "reentrant-mutex"
    start: Final = None

    def step(self, state: State, call: Call) -> Iterable[State]:
        owner, times = cast("tuple[int | None, int]", state or (None, 0))
        if call.f == "acquire":
            return ((call.process, times + 1),) if owner in (None, call.process) else ()
        if owner != call.process or owner is None:
            return ()
        return ((owner, times - 1) if times > 1 else None,)

    def anything(self, actions: Sequence[Action]) -> Sequence[State]:
        """Who holds it more often than it can be released is like one who holds it once more than that."""
        releases = Counter(action.call.process for action in actions if action.call.f == "release")
        held = [(process, times) for process in _processes(actions) for times in range(1, releases[process] + 2)]
        return None, *held, (SOMEBODY_ELSE, 1)


class Fence(NamedTuple):
    """The state of a fenced mutex. `token` is None when it is free, or not known; `last`: the highest token so far, as
    low as it can be."""

    owner: int | None
    token: int | None
    last: int


class FencedMutex(_Lock):
    name: Final = "fenced-mutex"
    start: Final = Fence(None, None, -1)

    def calls(self, operation: Operation) -> Call | None:
        f, process = operation.f, operation.process
        if f == "acquire" and (operation.outcome is EventType.INFO or _whole(operation.value)):
            return Call(f, None, answered(operation), process)
        if f == "release" and (asked(operation) is None or _whole(asked(operation))):
            return Call(f, asked(operation), None, process)
        raise foreign(self, operation)

    def given(self, value: Any) -> Sequence[Call]:
        """The highest token that was ever given out, whose holder has released it."""
        if value is None:
            return ()
        if not _whole(value):
            raise ValueError("null, or the highest token so far")
        return (Call("acquire", None, value, None), Call("release", value, None, None))

    def step(self, state: State, call: Call) -> Iterable[State]:
        here = cast(Fence, state)
        if call.f == "acquire":
            return self._acquire(here, call)
        if here.owner is None:
            return ()
        shown = call.input
        if shown is None:
            return (Fence(None, None, here.last),) if here.owner == call.process else ()
        assert isinstance(shown, int)
        fits = shown == here.token if here.token is not None else shown >= here.last
        return (Fence(None, None, shown),) if fits else ()

    @staticmethod
    def _acquire(here: Fence, call: Call) -> Iterable[State]:
        owner = call.process if call.process is not None else SOMEBODY_ELSE
        if here.owner is not None:
            return ()
        if call.output is UNKNOWN:
            return (Fence(owner, None, here.last + 1),)
        assert isinstance(call.output, int)
        return (Fence(owner, call.output, call.output),) if call.output > here.last else ()

    def anything(self, actions: Sequence[Action]) -> Sequence[State]:
        held = [Fence(process, None, -1) for process in _processes(actions)]
        return Fence(None, None, -1), *held, Fence(SOMEBODY_ELSE, None, -1)

    def group(self, state: State) -> Hashable:
        return cast(Fence, state)[:2]

    def covers(self, one: State, other: State) -> bool:
        return cast(Fence, one).last <= cast(Fence, other).last
