"""What the node's errors mean for the outcome of a call (docs/client-protocol.md).

The node says itself whether an error is definite. It is not simply believed, since the node is what is being tested:
an error is definite only if the node says so and this table, which knows what each error is, does not object.
"""

from __future__ import annotations

from typing import Any, Final

from harness.system import Definite, Indefinite, Refused

MAY_BE_DEFINITE: Final = {
    "bad-request": True,
    "no-leader": True,
    "not-leader": True,
    "transferring": True,
    "not-ready": True,
    "change-under-way": True,
    "not-caught-up": False,
    "not-transferred": False,
    "overwritten": True,
    "session-expired": True,
    "lease-expired": True,
    "read-not-confirmed": True,
    "unavailable": True,
    "leader-changed": True,
    "stale-sequence": False,
    "wrong-type": True,
    "out-of-range": True,
    "held": True,
    "not-held": True,
    "condition-failed": True,
}
"""`unavailable` is definite for reads and for refused overload, `leader-changed` for reads: there the node's word
counts."""

STATE_SAYS_NO: Final = frozenset({"wrong-type", "out-of-range", "held", "not-held", "condition-failed"})
"""The command became an entry of the log, and changed nothing."""

REFUSED: Final = "connection-refused"
"""The connection was refused, or broke before the server's hello: nothing was sent."""
NO_HELLO: Final = "no-hello"
"""No server spoke within the time: nothing was sent."""
TIMEOUT: Final = "timeout"
"""The request was sent, and no answer came in time."""
BROKEN: Final = "connection-broken"
"""The connection broke after the request was sent."""
MALFORMED: Final = "malformed-answer"
"""What came back makes no sense."""


def refusal(answer: dict[str, Any]) -> Definite | Indefinite:
    """The exception for an answer that is not ok."""
    error = answer.get("error")
    if not isinstance(error, str):
        return Indefinite(MALFORMED)
    if answer.get("definite") is not True or not MAY_BE_DEFINITE.get(error, False):
        return Indefinite(error)
    return Refused(error) if error in STATE_SAYS_NO else Definite(error)
