"""A session with one etcd node: all that it can do."""

from __future__ import annotations

from harness.systems.etcd.keys import Keys
from harness.systems.etcd.locks import Locks
from harness.systems.etcd.watches import Watches


class EtcdSession(Keys, Locks, Watches):
    """A `KeyValue`, with sets, transactions, locks and watches. One call at a time."""
