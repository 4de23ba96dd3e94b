"""Checks both certificates: the small program that has to be right when the clever ones may not be.

Shares nothing with models and algorithms: objects are plain lists and numbers here, and every order is tried.

- A linearization (`flaw`): operations as recorded and their invocation indexes in the claimed order. They are replayed
  one after another; for an answer that never came, with all that could have been answered.
- A contradiction (`core_flaw`): operations as recorded and the indexes of those that are said to contradict each other,
  the core. Everything else is made so weak that whatever explains the history explains what is left: what changes
  nothing is left out, and anything else may happen at any moment after its invocation, or never, with the answer that
  it is known to have had (of a drain only that it may have happened); then no unknown operation took an element that
  was added once and that such an answer names. If the beginning was cut off, what returned
  before the cut is left out too, and the object may be in any state. If even so no order exists, the core is a
  contradiction; and each of its operations is needed if some order exists without it. Of queues and stacks, elements
  that only weakened operations put in or take out are left out: if there is an order without them, there is one with.
  And what was invoked after everything that has to happen had returned is too late to matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from checkers.canonical import canonical
from checkers.events import EventType
from checkers.history import PENDING, Operation
from checkers.linearizability.validate import order_flaw

MOST_SITUATIONS: Final = 30_000
"""That are tried. A core that needs more is not accepted."""


class TooLarge(Exception):
    """More situations than anybody wants to try."""


class Deed(NamedTuple):
    """An operation, with canonical values. `known`: whether its answer is. Of an unknown dequeue or pop, `asked` is
    what it is known not to have taken."""

    f: str
    asked: Any
    answer: Any
    known: bool
    process: int
    invoked: int
    returned: int
    must: bool


def flaw(model: str, operations: Sequence[Operation], order: Sequence[int], initial: Any = None) -> str | None:
    """Why this order does not explain one object's operations, or None if it does."""
    if wrong := order_flaw(_telling(operations), order):
        return wrong
    by_index = {operation.invoked: operation for operation in operations}
    states = {begin(model, initial)}
    for index in order:
        after = {new for state in states for new in results(model, state, _deed(by_index[index]))}
        if not after:
            return f"operation {index} cannot happen in state {min(states, key=repr)!r}"
        states = after
    return None


def core_flaw(
    model: str, operations: Sequence[Operation], core: Sequence[int], initial: Any = None, cut: int | None = None
) -> str | None:
    """Why these operations do not contradict each other, or are not all needed; None if they do and are."""
    known = {operation.invoked for operation in operations if operation.outcome is not EventType.FAIL}
    if not core or len(set(core)) != len(core) or not known.issuperset(core):
        return "the core is not a set of operations that may have happened"
    try:
        if possible(model, operations, core, initial, cut):
            return "there is an order that explains these operations"
        for index in core:
            if possible(model, operations, [other for other in core if other != index], initial, cut):
                continue
            return f"operation {index} is not needed"
    except TooLarge:
        return f"more than {MOST_SITUATIONS} situations would have to be tried"
    return None


def possible(
    model: str, operations: Sequence[Operation], core: Sequence[int], initial: Any = None, cut: int | None = None
) -> bool:
    """Whether some order explains the core, with everything else weakened. Raises TooLarge."""
    deeds = [deed for operation in operations if (deed := _weakened(operation, set(core), cut)) is not None]
    if model in ("fifo-queue", "unordered-queue", "stack"):
        added = Counter([*begin(model, initial), *(deed.asked for deed in deeds if deed.f in ("enqueue", "push"))])
        named = {element for deed in deeds if not deed.must for element in _taken(deed) if added[element] == 1}
        deeds = _noticed([deed if deed.known else _without(deed, named) for deed in deeds])
    last = max((deed.returned for deed in deeds if deed.must), default=-1)
    deeds = [deed for deed in deeds if deed.invoked < last]
    starts = [begin(model, initial)] if cut is None else anything(model, deeds)
    return any(_some_order(model, deeds, start) for start in starts)


def _noticed(deeds: Sequence[Deed]) -> list[Deed]:
    """Without the operations of elements of which no operation has to happen."""
    noticed = {element for deed in deeds if deed.must for element in _elements(deed)}
    return [deed for deed in deeds if deed.must or not _elements(deed) or noticed.issuperset(_elements(deed))]


def _without(deed: Deed, named: set[Any]) -> Deed:
    """An unknown dequeue or pop that did not take these."""
    return deed._replace(asked=frozenset(named)) if deed.f in ("dequeue", "pop") else deed


def _elements(deed: Deed) -> tuple[Any, ...]:
    if deed.f in ("enqueue", "push"):
        return (deed.asked,)
    return _taken(deed)


def _taken(deed: Deed) -> tuple[Any, ...]:
    if deed.f in ("enqueue", "push") or not deed.known or deed.answer is None:
        return ()
    return deed.answer[1:] if deed.f == "drain" else (deed.answer,)


def _takes(deed: Deed, element: Any) -> bool:
    """Whether a dequeue or pop may have taken this."""
    return deed.answer == element if deed.known else element not in (deed.asked or ())


def _telling(operations: Sequence[Operation]) -> list[Operation]:
    """Without those that neither tell nor change anything: they may be in an order, but need not be."""
    return [op for op in operations if not (op.f == "txn" and not op.value)]


def _deed(operation: Operation) -> Deed:
    ok = operation.outcome is EventType.OK
    asked, answer = canonical(operation.invoke.value), canonical(operation.value)
    when = operation.process, operation.invoked, operation.returned if ok else PENDING
    return Deed(operation.f, asked, answer, ok, *when, ok)


def _weakened(operation: Operation, core: set[int], cut: int | None) -> Deed | None:
    if operation.outcome is EventType.FAIL or (cut is not None and operation.returned < cut):
        return None
    deed = _deed(operation)
    if operation.invoked in core:
        return deed
    if not deed.known or _changes_nothing(deed):
        return None if _changes_nothing(deed) else deed
    return deed._replace(must=False, returned=PENDING, known=deed.f != "drain")


def _changes_nothing(deed: Deed) -> bool:
    if deed.f in ("dequeue", "pop"):
        return deed.known and deed.answer is None
    if deed.f == "txn":
        return all(micro[1] in ("r", "read") for micro in deed.asked[1:])
    return deed.f in ("read", "contains") or (deed.f == "drain" and deed.known and deed.answer == ("array",))


def _some_order(model: str, deeds: Sequence[Deed], start: Any) -> bool:
    """Depth first, no situation twice."""
    first = (frozenset(range(len(deeds))), start)
    tried, todo = {first}, [first]
    while todo:
        left, state = todo.pop()
        if not any(deeds[at].must for at in left):
            return True
        first_return = min(deeds[at].returned for at in left)
        for at in left:
            if deeds[at].invoked < first_return:
                fresh = {(left - {at}, new) for new in results(model, state, deeds[at])} - tried
                tried |= fresh
                todo += fresh
        if len(tried) > MOST_SITUATIONS:
            raise TooLarge
    return False


# What each object is. States are tuples of canonical values, numbers, and None.


def begin(model: str, initial: Any) -> Any:
    if model in ("fifo-queue", "stack"):
        return tuple(map(canonical, initial or ()))
    if model in ("unordered-queue", "set"):
        return _sorted(map(canonical, initial or ()))
    if model == "multi-register":
        return _sorted((canonical(key), canonical(each)) for key, each in (initial or {}).items())
    if model == "fenced-mutex":
        return (None, None, -1 if initial is None else initial)
    if model == "reentrant-mutex":
        return (initial,) if initial is not None else ()
    return (initial or 0) if model == "counter" else initial


def anything(model: str, deeds: Sequence[Deed]) -> list[Any]:
    """For locks: every state that matters."""
    processes = [*{deed.process for deed in deeds}, -1]
    if model == "reentrant-mutex":
        return [(process,) * times for process in processes for times in range(len(deeds) + 2)]
    if model == "fenced-mutex":
        return [(None, None, -1), *((process, None, -1) for process in processes)]
    return [None, *processes]


def results(model: str, state: Any, deed: Deed) -> list[Any]:
    return list(_OBJECTS[model](state, deed))


def _fifo(queue: tuple[Any, ...], deed: Deed) -> Iterator[Any]:
    if deed.f == "enqueue":
        yield (*queue, deed.asked)
    elif deed.f == "drain":
        if not deed.known or deed.answer == ("array", *queue):
            yield ()
    elif not queue:
        yield from [()] * (not deed.known or deed.answer is None)
    elif _takes(deed, queue[0]):
        yield queue[1:]


def _unordered(bag: tuple[Any, ...], deed: Deed) -> Iterator[Any]:
    if deed.f == "enqueue":
        yield _sorted((*bag, deed.asked))
    elif deed.f == "drain":
        if not deed.known or _sorted(deed.answer[1:]) == bag:
            yield ()
    elif not bag:
        yield from [()] * (not deed.known or deed.answer is None)
    else:
        for at, element in enumerate(bag):
            if _takes(deed, element):
                yield (*bag[:at], *bag[at + 1 :])


def _stack(stack: tuple[Any, ...], deed: Deed) -> Iterator[Any]:
    if deed.f == "push":
        yield (*stack, deed.asked)
    elif not stack:
        yield from [()] * (not deed.known or deed.answer is None)
    elif _takes(deed, stack[-1]):
        yield stack[:-1]


def _set(elements: tuple[Any, ...], deed: Deed) -> Iterator[Any]:
    if deed.f == "add":
        yield _sorted({*elements, deed.asked})
    elif deed.f == "remove":
        yield _sorted({*elements} - {deed.asked})
    elif not deed.known:
        yield elements
    elif deed.f == "contains":
        _, element, there = deed.answer
        yield from [elements] * ((element in elements) == (there == ("boolean", "true")))
    elif _sorted(set(deed.answer[1:])) == elements:
        yield elements


def _counter(count: int, deed: Deed) -> Iterator[Any]:
    if deed.f == "add":
        yield count + deed.asked
    elif not deed.known or deed.answer == count:
        yield count


def _registers(state: tuple[Any, ...], deed: Deed) -> Iterator[Any]:
    now = dict(state)
    for _, kind, key, value in deed.answer[1:]:
        if kind in ("w", "write"):
            now[key] = value
        elif deed.known and now.get(key) != value:
            return
    yield _sorted((key, value) for key, value in now.items() if value is not None)


def _mutex(holder: Any, deed: Deed) -> Iterator[Any]:
    if (deed.f == "acquire") == (holder is None):
        yield deed.process if deed.f == "acquire" else None


def _owner_mutex(holder: Any, deed: Deed) -> Iterator[Any]:
    if deed.f == "release":
        yield from [None] * (holder == deed.process)
    elif holder is None:
        yield deed.process


def _reentrant_mutex(holds: tuple[Any, ...], deed: Deed) -> Iterator[Any]:
    mine = holds[:1] in ((), (deed.process,))
    if mine and deed.f == "acquire":
        yield (*holds, deed.process)
    elif mine and holds:
        yield holds[1:]


def _fenced_mutex(state: tuple[Any, ...], deed: Deed) -> Iterator[Any]:
    """(holder, its token or None if it can be any from `last` on, the highest token so far, as low as it can be)"""
    holder, token, last = state
    if deed.f == "acquire":
        if holder is None and not deed.known:
            yield (deed.process, None, last + 1)
        elif holder is None and deed.answer > last:
            yield (deed.process, deed.answer, deed.answer)
    elif holder is not None:
        shown = deed.asked
        if shown is None:
            yield from [(None, None, last)] * (holder == deed.process)
        elif shown == token or (token is None and shown >= last):
            yield (None, None, shown)


def _sorted(values: Any) -> tuple[Any, ...]:
    return tuple(sorted(values, key=repr))


_OBJECTS: Final[Mapping[str, Callable[[Any, Deed], Iterator[Any]]]] = {
    "fifo-queue": _fifo,
    "unordered-queue": _unordered,
    "stack": _stack,
    "set": _set,
    "counter": _counter,
    "multi-register": _registers,
    "mutex": _mutex,
    "owner-mutex": _owner_mutex,
    "reentrant-mutex": _reentrant_mutex,
    "fenced-mutex": _fenced_mutex,
}
