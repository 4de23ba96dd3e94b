"""A session with one etcd node: all that it can do."""

from __future__ import annotations

from harness.systems.etcd.keys import Keys
from harness.systems.etcd.locks import Locks


class EtcdSession(Keys, Locks):
    """A `KeyValue`, with sets, transactions and locks. One call at a time."""
