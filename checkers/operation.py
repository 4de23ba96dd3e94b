"""An operation: an invocation and its completion."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from checkers.events import Event, EventType

PENDING: Final = 1 << 62
"""`Operation.returned` of an operation that may take effect at any later time: after every event."""


READS: Final = ("read", "get")
"""The f of operations whose value is what they answer."""


class Operation(msgspec.Struct, frozen=True, gc=False):
    """An invocation and its completion.

    `invoked` < `returned` are event indexes; an operation with outcome info (or with no completion at all) has
    `returned` == PENDING and outcome INFO.
    """

    process: int
    f: str
    key: str | None
    value: Any
    """What the operation was about, as far as is known: an ok operation's answer (docs/history-format.md, operations),
    or what was invoked where the answer has no value; of others what was invoked. A read that is not ok has None."""
    outcome: EventType
    invoked: int
    returned: int
    invoke: Event
    completion: Event | None

    @property
    def matched(self) -> bool:
        """cas that is ok: whether it matched."""
        return self.completion is not None and self.completion.actual is msgspec.UNSET


def operation(invoke: Event, completion: Event | None) -> Operation:
    process = invoke.process
    assert isinstance(process, int)
    f, key, began = invoke.f, invoke.key, invoke.index
    if completion is None or completion.type is EventType.INFO:
        return Operation(process, f, key, invoke.value, EventType.INFO, began, PENDING, invoke, completion)
    outcome = completion.type
    answered = outcome is EventType.OK and (f in READS or completion.value is not None)
    value = completion.value if answered else invoke.value
    return Operation(process, f, key, value, outcome, began, completion.index, invoke, completion)
