"""What etcd's errors mean for the outcome of a call.

Definite are those that etcd gives before it proposes anything (etcdserver/v3_server.go and the checks of
etcdserver/api/v3rpc before it), and those that applying an entry gives when it changed nothing. A request that timed
out, lost its leader or its server may have become an entry, and may yet be applied. What is not in the table is not
definite, whatever its HTTP or gRPC status.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from harness.system import Definite, Indefinite, Refused


class Meaning(NamedTuple):
    reason: str
    kind: type[Definite | Indefinite]


BEFORE_PROPOSING: Final = {
    "etcdserver: too many requests": "too-many-requests",
    "etcdserver: request is too large": "request-too-large",
    "etcdserver: not capable": "not-capable",
    "etcdserver: key is not provided": "bad-request",
    "etcdserver: value is provided": "bad-request",
    "etcdserver: lease is provided": "bad-request",
    "etcdserver: too many operations in txn request": "bad-request",
    "etcdserver: duplicate key given in txn request": "bad-request",
    "raft proposal dropped": "proposal-dropped",
}
"""Dropped proposals: raft itself says, to the node that proposes, that there is no leader to hand it to, or that the
leader is handing over. One that was handed on and dropped there says nothing, and times out."""

NOTHING_CHANGED: Final = {
    "etcdserver: mvcc: database space exceeded": "no-space",
    "etcdserver: requested lease not found": "lease-not-found",
    "etcdserver: lease already exists": "lease-exists",
    "etcdserver: mvcc: required revision has been compacted": "compacted",
    "etcdserver: mvcc: required revision is a future revision": "future-revision",
}
"""Some are told before proposing too."""

MAY_HAVE_HAPPENED: Final = {
    "etcdserver: request timed out": "etcd-timeout",
    "etcdserver: request timed out, possibly due to previous leader failure": "etcd-timeout-leader-failed",
    "etcdserver: request timed out, possibly due to connection lost": "etcd-timeout-connection-lost",
    "etcdserver: leader changed": "leader-changed",
    "etcdserver: no leader": "no-leader",
    "etcdserver: not leader": "not-leader",
    "etcdserver: server stopped": "server-stopped",
    "etcdserver: unhealthy cluster": "unhealthy-cluster",
    "context deadline exceeded": "etcd-deadline-exceeded",
    "context canceled": "etcd-cancelled",
    "transport is closing": "transport-closing",
}
"""`no-leader` and `not-leader` come from leases, whose keep-alives are handed on to the leader."""

MEANINGS: Final[Mapping[str, Meaning]] = {
    **{text: Meaning(reason, Definite) for text, reason in BEFORE_PROPOSING.items()},
    **{text: Meaning(reason, Refused) for text, reason in NOTHING_CHANGED.items()},
    **{text: Meaning(reason, Indefinite) for text, reason in MAY_HAVE_HAPPENED.items()},
}
"""Message -> what it means."""

REFUSED: Final = "connection-refused"
"""The connection was refused, or broke before the server's answer to a question that changes nothing: the request was
not sent."""
NO_HELLO: Final = "no-hello"
"""No server answered that question within the time: the request was not sent."""
TIMEOUT: Final = "timeout"
"""The request was sent, and no answer came in time."""
MALFORMED: Final = "malformed-answer"
"""What came back makes no sense."""
UNKNOWN: Final = "unknown-error"
"""An error that no table knows."""
NOT_CAUGHT_UP: Final = "not-caught-up"
"""The node did not get as far in time as the client had seen."""
NO_SUCH_MODE: Final = "no-such-read-mode"
CONFLICT: Final = "conflict"
"""Something that a transaction had read was changed before it could write: it changed nothing."""
CONDITION: Final = "condition-failed"
HELD: Final = "held"
NOT_HELD: Final = "not-held"


def refusal(answer: Any) -> Definite | Indefinite:
    """The exception for the body of a reply that is no 200."""
    text = answer.get("message") or answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(text, str):
        return Indefinite(MALFORMED)
    meaning = MEANINGS.get(text)
    return Indefinite(UNKNOWN) if meaning is None else meaning.kind(meaning.reason)
