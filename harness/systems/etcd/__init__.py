"""etcd as a system under test: Debian's etcd-server, version 3.4.

system        install, start, inspect
client        a session with one node, of these parts:
keys          values, sets and transactions
locks         locks and leases
watches       streams of events
transactions  what a transaction of steps reads and writes
calls         one call: sent once, and what its failure means
link          one connection: HTTP/1.1, JSON
wire          how the gateway writes keys, values and numbers
errors        which of etcd's errors are definite
"""

from harness.systems.etcd.system import SYSTEM, EtcdSystem

__all__ = ["SYSTEM", "EtcdSystem"]
