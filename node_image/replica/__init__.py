"""What the log is for: a key-value state machine with client sessions, reads, and answers to clients. Sans-IO.

Reading order: `command` (what an entry holds), `session` (why a retry happens once), `machine` (how entries change the
state), `messages` (what replicas say to each other), `waiting` (reads that wait for an index), `replica` (requests in,
answers out).
"""

from node_image.replica.config import ReplicaConfig
from node_image.replica.machine import StateMachine
from node_image.replica.replica import Replica

__all__ = ["Replica", "ReplicaConfig", "StateMachine"]
