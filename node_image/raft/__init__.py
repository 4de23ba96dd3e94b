"""The Raft protocol, sans-IO: messages, times and proposals in, `Ready` out."""

from node_image.raft.config import RaftConfig
from node_image.raft.membership import ChangeRefused
from node_image.raft.raft import NotLeader, Raft
from node_image.raft.ready import Notice, ReadState, Ready
from node_image.raft.types import Configuration, Entry, EntryKind, HardState, Role, Snapshot

__all__ = [
    "ChangeRefused",
    "Configuration",
    "Entry",
    "EntryKind",
    "HardState",
    "NotLeader",
    "Notice",
    "Raft",
    "RaftConfig",
    "ReadState",
    "Ready",
    "Role",
    "Snapshot",
]
