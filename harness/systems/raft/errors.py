"""What the node's errors mean for the outcome of a call (docs/client-protocol.md).

The node says itself whether an error is definite. It is not simply believed, since the node is what is being tested:
an error is definite only if the node says so and this table, which knows what each error is, does not object.
"""

from __future__ import annotations

from typing import Any, Final

from harness.system import Definite, Indefinite

MAY_BE_DEFINITE: Final = {
    "bad-request": True,
    "no-leader": True,
    "not-leader": True,
    "overwritten": True,
    "session-expired": True,
    "lease-expired": True,
    "read-not-confirmed": True,
    "unavailable": True,
    "leader-changed": True,
    "stale-sequence": False,
}
"""`unavailable` is definite for reads and for refused overload, `leader-changed` for reads: there the node's word
counts."""

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
    definite = answer.get("definite") is True and MAY_BE_DEFINITE.get(error, False)
    return Definite(error) if definite else Indefinite(error)
