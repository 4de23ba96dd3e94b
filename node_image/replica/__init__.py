"""What the log is for: a key-value state machine with client sessions, reads, and answers to clients. Sans-IO.

Reading order: `command` (what an entry holds), `objects` and `state` (what keys hold), `operations` and `transaction`
(what commands do to it), `session` (why a retry happens once), `machine` (entries in, results out), `expiry` (what ends
by itself), `messages` (what replicas say to each other), `administration` (membership and leadership), `replica`
(requests in, answers out).
"""

from node_image.replica.config import ReplicaConfig
from node_image.replica.machine import StateMachine
from node_image.replica.replica import Replica

__all__ = ["Replica", "ReplicaConfig", "StateMachine"]
