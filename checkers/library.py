"""Judging a history by a model: the call for whoever has a history, ours or anyone's.

    from checkers.library import check, check_bytes

    result = check(history, "cas-register")
    result = check_bytes(data, "kv", format="porcupine-kv")
    print(result.verdict, result.algorithm, [anomaly.text for anomaly in result.anomalies])

A model is the object that the operations were done on, by a name: which operations it has, what it holds at first, and
which checker judges it. MODELS holds one row for each. Adding a model is adding a row; nothing else knows their names.

What is asked for wrongly raises, with one sentence, and is never a verdict:

    UnknownModel, UnknownFormat   there is none of that name
    BadInitial                    the object cannot begin with that value
    HistoryError                  the bytes are no history, or hold an operation that the model does not have: its line

What goes wrong while judging (time, memory, a mistake of the checker's own) is the verdict unknown, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

import msgspec

from checkers.checker import Budget, Checker, NotOfModel, Recording
from checkers.events import NEMESIS
from checkers.formats import AUTO, UnknownFormat, read
from checkers.history import History, HistoryError
from checkers.judge import judge_one
from checkers.linearizability import Linearizability
from checkers.models import MODELS as OBJECTS
from checkers.objects import ObjectLinearizability
from checkers.transactions import ListAppend, RwRegister
from checkers.verdict import Result

DEFAULT: Final = msgspec.UNSET
"""As `initial`: what the model's object holds at first (null, for one, is another answer)."""


class UnknownModel(ValueError):
    """`str(error)` is one sentence, with the nearest name."""


class BadInitial(ValueError):
    """`str(error)` is one sentence."""


def anything(initial: Any) -> None:
    """An object that can begin with any value."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """One row: an object that histories can be judged by."""

    name: str
    about: str
    """What it is, in a few words for lists."""
    functions: Collection[str]
    """The `f` of the operations that it has (docs/history-format.md, Operations). Values are for the checker to look
    at: it raises NotOfModel (checkers/checker.py) for one that is no value of such an operation."""
    checker: Callable[[Any], Checker]
    """The checker for an object that holds this value at first."""
    initial: Any = None
    """What it holds at first, where nobody says."""
    accept: Callable[[Any], None] = anything
    """Raises ValueError, with what an initial value has to be, for one that the object cannot hold."""
    nil_reads_say_nothing: bool = False
    """Whether Knossos' model of it takes an ok read of nil for one whose value is not known. That is how such reads
    are then taken in its format (jepsen-edn), where nobody asks for another way."""


def text(initial: Any) -> None:
    if not isinstance(initial, str):
        raise ValueError("a string, since others are appended to it")


def nothing(initial: Any) -> None:
    """An object whose keys all begin empty."""
    if initial is not None:
        raise ValueError("null: every key of transactions begins empty")


def an_object(name: str, about: str, *, nil_reads_say_nothing: bool = False) -> Model:
    """The row of an object that has a sequential specification in checkers/models."""
    specification = OBJECTS[name]

    def accept(initial: Any) -> None:
        specification.given(initial)

    return Model(
        name=name,
        about=about,
        functions=specification.functions,
        checker=lambda initial: ObjectLinearizability(name, initial),
        accept=accept,
        nil_reads_say_nothing=nil_reads_say_nothing,
    )


_ROWS: Final = (
    Model(
        name="register",
        about="one value a key",
        functions=("read", "write"),
        checker=lambda initial: Linearizability(initial=initial),
        nil_reads_say_nothing=True,
    ),
    Model(
        name="cas-register",
        about="one value a key, with compare-and-set",
        functions=("read", "write", "cas"),
        checker=lambda initial: Linearizability(initial=initial),
        nil_reads_say_nothing=True,
    ),
    Model(
        name="kv",
        about="one string a key",
        functions=("get", "put", "append"),
        checker=lambda initial: Linearizability(initial=initial),
        initial="",
        accept=text,
    ),
    Model(
        name="list-append",
        about="transactions over lists: txn of append, r; strict serializability",
        functions=("txn",),
        checker=lambda initial: ListAppend(),
        accept=nothing,
    ),
    Model(
        name="rw-register",
        about="transactions over registers: txn of w, r; strict serializability",
        functions=("txn",),
        checker=lambda initial: RwRegister(),
        accept=nothing,
    ),
    an_object(
        "multi-register",
        "one value a key, several keys at once: txn of reads and writes",
        nil_reads_say_nothing=True,
    ),
    an_object("mutex", "a lock: acquire, release by anyone"),
    an_object("owner-mutex", "a lock: acquire, release by the process that acquired it"),
    an_object("reentrant-mutex", "a lock that its holder can acquire again"),
    an_object("fenced-mutex", "a lock whose tokens grow with every acquire"),
    an_object("fifo-queue", "first in, first out: enqueue, dequeue, drain"),
    an_object("unordered-queue", "a queue in no order: enqueue, dequeue, drain"),
    an_object("stack", "last in, first out: push, pop"),
    an_object("set", "elements: add, remove, contains, read"),
    an_object("counter", "a sum: add, read"),
)
MODELS: Final[Mapping[str, Model]] = {row.name: row for row in _ROWS}


def model_named(name: str) -> Model:
    """Raises UnknownModel, with the nearest name."""
    if name in MODELS:
        return MODELS[name]
    nearest = get_close_matches(name, MODELS, n=1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"there are: {', '.join(MODELS)}."
    raise UnknownModel(f"There is no model named {name!r}: {hint}")


def checker_for(model: str, *, initial: Any = DEFAULT) -> Checker:
    """The checker that judges histories by a model. Raises UnknownModel and BadInitial."""
    row = model_named(model)
    if initial is DEFAULT:
        return row.checker(row.initial)
    try:
        row.accept(initial)
    except ValueError as error:
        shown = msgspec.json.encode(initial).decode()
        raise BadInitial(f"A {row.name} cannot begin with {shown}: its initial value is {error}.") from error
    return row.checker(initial)


def check(
    history: History,
    model: str,
    *,
    initial: Any = DEFAULT,
    budget: Budget | None = None,
    clock: Callable[[], float] = lambda: 0.0,
) -> Result:
    """Judges all operations of a history by a model. Without a budget it may take as long as it takes.

    `clock` gives seconds, for `Result.seconds`: checkers look at no clock of their own. Raises UnknownModel,
    BadInitial, and HistoryError where the history holds an operation that the model does not have."""
    row, checker = model_named(model), checker_for(model, initial=initial)
    _refuse_foreign(history, row)
    try:
        return judge_one(checker, Recording(history), budget or Budget(), clock, let_through=(NotOfModel,))
    except NotOfModel as error:
        raise HistoryError(history.line_of(error.event), f"{error.why} (judged as {row.name})") from error


OF_KNOSSOS: Final = "multi-register"
"""The model whose transactions look like Elle's, but are Knossos' own: they know other names of steps."""


def load(
    data: bytes, model: str, *, format: str = AUTO, nil_reads_say_nothing: bool | None = None
) -> tuple[History, str]:
    """The history that the bytes of a file hold, to be judged by a model, and the format that it was in.

    `nil_reads_say_nothing` is about jepsen-edn alone: whether an ok read of nil is one whose value is not known.
    None: as Knossos' own model of that object has it. Raises UnknownModel, UnknownFormat and HistoryError."""
    if nil_reads_say_nothing is None:
        nil_reads_say_nothing = model_named(model).nil_reads_say_nothing
    return read(data, format, nil_reads_say_nothing=nil_reads_say_nothing, of_elle=model != OF_KNOSSOS)


def check_bytes(
    data: bytes,
    model: str,
    *,
    format: str = AUTO,
    nil_reads_say_nothing: bool | None = None,
    initial: Any = DEFAULT,
    budget: Budget | None = None,
    clock: Callable[[], float] = lambda: 0.0,
) -> Result:
    """`load` and `check` in one. Anomalies name events by their position in the file's order, from 0."""
    history, _ = load(data, model, format=format, nil_reads_say_nothing=nil_reads_say_nothing)
    return check(history, model, initial=initial, budget=budget, clock=clock)


def _refuse_foreign(history: History, model: Model) -> None:
    known = frozenset(model.functions)
    if {event.f for event in history.events if event.process != NEMESIS} <= known:
        return  # of a long history, operations are made only when somebody looks at them
    first = next(operation for operation in history.operations if operation.f not in known)
    has = ", ".join(model.functions)
    raise HistoryError(history.line_of(first.invoked), f"a {model.name} has no {first.f!r}, but {has}")


__all__ = [
    "DEFAULT",
    "MODELS",
    "BadInitial",
    "HistoryError",
    "Model",
    "UnknownFormat",
    "UnknownModel",
    "check",
    "check_bytes",
    "checker_for",
    "load",
    "model_named",
]
