"""Invariants: promises of whole objects that can be read off a history without searching for an order of it.

Each checker here counts, compares or keeps bounds, in time close to the length of the history, and says invalid only
for what no order of the operations explains. What it decides, and what it leaves to the checkers of linearizability or
of transactions, stands at the top of its file.
"""

from checkers.invariants.availability import Availability
from checkers.invariants.bank import Bank
from checkers.invariants.causal_reverse import CausalReverse
from checkers.invariants.counter import CounterBounds
from checkers.invariants.exactly_once import ExactlyOnce
from checkers.invariants.exceptions import UnhandledExceptions
from checkers.invariants.fenced_locks import FencedLocks
from checkers.invariants.long_fork import LongFork
from checkers.invariants.monotonic import Monotonic
from checkers.invariants.set_full import SetFull
from checkers.invariants.total_queue import TotalQueue
from checkers.invariants.unique_ids import UniqueIds
from checkers.invariants.watches import WatchedEvents

__all__ = [
    "Availability",
    "Bank",
    "CausalReverse",
    "CounterBounds",
    "ExactlyOnce",
    "FencedLocks",
    "LongFork",
    "Monotonic",
    "SetFull",
    "TotalQueue",
    "UnhandledExceptions",
    "UniqueIds",
    "WatchedEvents",
]
