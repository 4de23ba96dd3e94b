"""Sequential specifications of the objects that histories are judged by, each readable alone.

1. model.py       what a model is: states, steps, and what a search may know
2. registers.py   several registers in one transaction
3. mutexes.py     locks: plain, with an owner, reentrant, with fencing tokens
4. containers.py  queues and stacks
5. sets.py, counters.py

One register has a room of its own, ../linearizability, since more is known about it.
"""

from collections.abc import Mapping
from typing import Final

from checkers.models.containers import FifoQueue, Stack, UnorderedQueue
from checkers.models.counters import Counter
from checkers.models.model import UNKNOWN, Action, Call, Model, State
from checkers.models.mutexes import FencedMutex, Mutex, OwnerMutex, ReentrantMutex
from checkers.models.registers import MultiRegister
from checkers.models.sets import Set

_ALL: Final[tuple[Model, ...]] = (
    MultiRegister(),
    Mutex(),
    OwnerMutex(),
    ReentrantMutex(),
    FencedMutex(),
    FifoQueue(),
    UnorderedQueue(),
    Stack(),
    Set(),
    Counter(),
)
MODELS: Final[Mapping[str, Model]] = {model.name: model for model in _ALL}

__all__ = ["MODELS", "UNKNOWN", "Action", "Call", "Model", "State"]
