"""What each command does to the state, as a table: the operation, and a function from state, command and log index to
the result. Each raises Refused before it has changed anything, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from node_image.replica.command import Command, Operation, same
from node_image.replica.objects import Lock, Queue, Set
from node_image.replica.session import Result
from node_image.replica.state import Lease, Refused, State
from node_image.replica.transaction import add_to_counter, transact


def perform(state: State, command: Command, index: int) -> Result:
    """`index`: of the command's entry."""
    try:
        return _OPERATIONS[command.operation](state, command, index)
    except Refused as refused:
        return Result(index, error=str(refused))


def _write(state: State, command: Command, index: int) -> Result:
    state.put(command.key, command.value)
    if command.second is not None:
        state.begin_lease(command.key, Lease(index, command.second))
    return Result(index)


def _cas(state: State, command: Command, index: int) -> Result:
    seen = state.values.get(command.key)
    if not same(seen, command.second):
        _require_plain(state, command.key)
        return Result(index, {"matched": False, "value": seen})
    state.put(command.key, command.value)
    return Result(index, {"matched": True})


def _require_plain(state: State, key: str) -> None:
    if key in state.objects:
        raise Refused("wrong-type")


def _expire(state: State, command: Command, index: int) -> Result:
    state.end_lease(command.key, command.value)
    return Result(index)


def _set_add(state: State, command: Command, index: int) -> Result:
    state.open(command.key, Set).elements[command.value] = None
    return Result(index)


def _set_remove(state: State, command: Command, index: int) -> Result:
    members = state.find(command.key, Set)
    if members is not None:
        members.elements.pop(command.value, None)
    return Result(index)


def _counter_add(state: State, command: Command, index: int) -> Result:
    add_to_counter(state, command.key, command.value)
    return Result(index)


def _enqueue(state: State, command: Command, index: int) -> Result:
    state.open(command.key, Queue).elements.append(command.value)
    return Result(index)


def _dequeue(state: State, command: Command, index: int) -> Result:
    queue = state.find(command.key, Queue)
    return Result(index, {"value": queue.elements.popleft() if queue is not None and queue.elements else None})


def _drain(state: State, command: Command, index: int) -> Result:
    queue = state.find(command.key, Queue)
    taken: list[Any] = [] if queue is None else queue.value()
    if queue is not None:
        queue.elements.clear()
    return Result(index, {"value": taken})


def _acquire(state: State, command: Command, index: int) -> Result:
    lock = state.open(command.key, Lock)
    if lock.holder is not None:
        raise Refused("held")
    lock.holder = {"token": index, "session": command.session}
    if command.second is not None:
        state.begin_lease(command.key, Lease(index, command.second))
    return Result(index, {"token": index})


def _release(state: State, command: Command, index: int) -> Result:
    """By the token, whoever shows it: a token that is not the newest holder's releases nothing."""
    lock = state.find(command.key, Lock)
    if lock is None or lock.holder is None or lock.holder["token"] != command.value:
        raise Refused("not-held")
    lock.holder = None
    state.leases.pop(command.key, None)
    return Result(index)


def _generate(state: State, command: Command, index: int) -> Result:
    """The entry's own index: no other entry has it."""
    return Result(index, {"value": index})


def _transact(state: State, command: Command, index: int) -> Result:
    return Result(index, {"value": transact(state, command.value)})


_OPERATIONS: Final[dict[int, Callable[[State, Command, int], Result]]] = {
    Operation.WRITE: _write,
    Operation.CAS: _cas,
    Operation.EXPIRE: _expire,
    Operation.SET_ADD: _set_add,
    Operation.SET_REMOVE: _set_remove,
    Operation.COUNTER_ADD: _counter_add,
    Operation.ENQUEUE: _enqueue,
    Operation.DEQUEUE: _dequeue,
    Operation.DRAIN: _drain,
    Operation.ACQUIRE: _acquire,
    Operation.RELEASE: _release,
    Operation.GENERATE: _generate,
    Operation.TRANSACT: _transact,
}
