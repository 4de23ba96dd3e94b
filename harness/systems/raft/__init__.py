"""The bundled Raft node as a system under test.

source      the node's sources, as files: nothing here imports them
system      install, start, inspect
operations  what can be asked, and what the answers mean
client      a session with one node, over its client protocol (docs/client-protocol.md)
link        one connection: hello, then requests and answers matched by id
errors      which of the node's errors are definite
"""

from harness.systems.raft.system import SYSTEM, RaftSystem

__all__ = ["SYSTEM", "RaftSystem"]
