"""The relay: a process through which all nodes of a local cluster reach each other.

For each node it listens on one port, which is the address that the others are told. Who dials is told by the process
that owns the other end of the connection (owners.py), so every node can be given the same addresses and need not know
that there is a relay. Each direction between two nodes is a path (paths.py) that faults can close, slow down or narrow;
a connection (connection.py) has a flow of bytes on the path there and one on the path back.

A path that is cut holds what comes, and nobody is told: dials stay unanswered behind the relay's own accept, bytes
wait, ends and resets too. When it is healed, a connection on which something has waited for longer than TCP would go on
sending again is reset, and others go on: so nothing stale arrives after a long cut, and a short one is a pause.
"""
