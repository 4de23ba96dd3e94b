"""What must not change a verdict, for every checker of the folder: the same changes are made to histories that each
checker's own tests draw, valid ones and broken ones.

- Times: they are for people. (Limits on times are the exception, and are not set here.)
- Operations that certainly did not happen: there may be any number more of them.
- Names: of processes, of keys, of values as far as their order means nothing.
- Another object beside: its operations lie between those of the first, and say nothing about it.
- Forgetting an answer: it never makes a contradiction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.checker import Checker
from checkers.events import Event, EventType
from checkers.history import History
from checkers.invariants import (
    Availability,
    Bank,
    CausalReverse,
    CounterBounds,
    ExactlyOnce,
    FencedLocks,
    LongFork,
    Monotonic,
    SetFull,
    TotalQueue,
    UnhandledExceptions,
    UniqueIds,
)
from checkers.verdict import Verdict
from tests.checkers.invariants import (
    test_bank,
    test_counter,
    test_fenced_locks,
    test_long_fork,
    test_monotonic,
    test_set_full,
    test_total_queue,
)
from tests.checkers.invariants.histories import call, check, history, info, play
from tests.checkers.invariants.test_exactly_once import Log
from tests.checkers.invariants.test_unique_ids import made

Events = list[Event]


@dataclass(frozen=True)
class Subject:
    """A checker, histories for it, and another name for each value (None: its values have no names)."""

    checker: Checker
    draw: Callable[[Random], History]
    renamed: Callable[[Any], Any] | None = None
    renamed_checker: Checker | None = None


def counters(dice: Random) -> History:
    return test_counter.changed(play(test_counter.Counter, dice, steps=30), dice)


def sets(dice: Random) -> History:
    return test_set_full.changed(play(lambda: test_set_full.Set(dice.random() < 0.5), dice, steps=30), dice)


def queues(dice: Random) -> History:
    repeats = dice.random() < 0.3
    return test_total_queue.without_one(play(lambda: test_total_queue.Bag(repeats), dice, steps=30), dice)


def locks(dice: Random) -> History:
    return test_fenced_locks.changed(play(lambda: test_fenced_locks.Lock(True, True), dice, steps=30), dice, True)


def banks(dice: Random) -> History:
    return test_bank.changed(play(test_bank.Accounts, dice, steps=30), dice)


def logs(dice: Random) -> History:
    return play(lambda: Log(once=dice.random() < 0.5), dice, steps=30)


def forks(dice: Random) -> History:
    return test_long_fork.changed(play(test_long_fork.Keys, dice, steps=40), dice)


def numbers(dice: Random) -> History:
    return test_monotonic.changed(play(test_monotonic.Counters, dice, steps=30), dice)


def ids(dice: Random) -> History:
    return history(*made(*(dice.randrange(9) for _ in range(dice.randrange(1, 6)))))


def raising(dice: Random) -> History:
    errors = ("timeout", "exception: KeyError: 'k4'", "exception: ValueError")
    return history(*([call(p, "write", p), info(p, dice.choice(errors))] for p in range(dice.randrange(4))))


def words(value: Any) -> Any:
    """Numbers become words, in lists too; the order of elements means nothing."""
    if isinstance(value, list):
        return [words(one) for one in value]
    return f"no. {value}" if type(value) is int else value


def thrice(value: Any) -> Any:
    """Numbers become three times themselves."""
    if isinstance(value, dict):
        return {name: thrice(one) for name, one in value.items()}
    return 3 * value if type(value) is int else value


def keys_named(value: Any) -> Any:
    """Other keys in transactions."""
    return [[f, f"key {key}", number] for f, key, number in value] if isinstance(value, list) else value


SUBJECTS = [
    Subject(SetFull(), sets, words),
    Subject(SetFull(linearizable=False), sets, words),
    Subject(CausalReverse(), sets, words),
    Subject(CounterBounds(), counters, thrice),
    Subject(TotalQueue(), queues, words),
    Subject(UniqueIds(), ids, words),
    Subject(FencedLocks(), locks, thrice),
    Subject(FencedLocks(lease=True), locks, thrice),
    Subject(Bank(initial=test_bank.INITIAL), banks, thrice, Bank(initial=thrice(test_bank.INITIAL))),
    Subject(Bank(), banks, thrice),
    Subject(ExactlyOnce(), logs, words),
    Subject(LongFork(), forks, keys_named),
    Subject(CausalReverse(), forks, keys_named),
    Subject(Monotonic(), numbers, keys_named),
    Subject(Monotonic(order="process"), numbers, keys_named),
    Subject(UnhandledExceptions(), raising),
    Subject(Availability(), sets),
]


def with_other_times(subject: Subject, events: Events, dice: Random) -> Events:
    at = 0
    times = [at := at + dice.randrange(10**10) for _ in events]
    return [msgspec.structs.replace(event, time=time) for event, time in zip(events, times, strict=True)]


def with_other_processes(subject: Subject, events: Events, dice: Random) -> Events:
    return [msgspec.structs.replace(event, process=1000 - 7 * int(event.process)) for event in events]


def with_another_key(subject: Subject, events: Events, dice: Random) -> Events:
    return [msgspec.structs.replace(event, key="elsewhere") for event in events]


def with_other_values(subject: Subject, events: Events, dice: Random) -> Events:
    rename = subject.renamed or (lambda value: value)
    return [msgspec.structs.replace(event, value=rename(event.value)) for event in events]


def with_refusals(subject: Subject, events: Events, dice: Random) -> Events:
    """Calls like others in the history, that were refused at the door."""
    changed = list(events)
    for number in range(dice.randrange(1, 4) if events else 0):
        like = dice.choice([event for event in events if event.type is EventType.INVOKE])
        process = 10_001 + number
        refused = {"process": process, "type": EventType.FAIL, "error": "refused"}
        place = dice.randrange(len(changed) + 1)
        changed[place:place] = [
            msgspec.structs.replace(like, process=process),
            msgspec.structs.replace(like, **refused),
        ]
    return changed


def beside_another(subject: Subject, events: Events, dice: Random) -> Events:
    """The same object twice, under two keys."""
    other = [msgspec.structs.replace(event, key="other", process=int(event.process) + 20_000) for event in events]
    changed = []
    first, second = list(with_another_key(subject, events, dice)), other
    while first or second:
        changed.append((first if not second or (first and dice.random() < 0.5) else second).pop(0))
    return changed


CHANGES = [
    with_other_times,
    with_other_processes,
    with_another_key,
    with_other_values,
    with_refusals,
    beside_another,
]


def numbered(events: Events) -> History:
    return History([msgspec.structs.replace(event, index=index) for index, event in enumerate(events)])


def answer(checker: Checker, recorded: History) -> tuple[Verdict, list[str]]:
    result = check(checker, recorded)
    return result.verdict, sorted(result.details["findings"])


def holds(subject: Subject, change: Any, dice: Random) -> None:
    recorded = numbered(list(subject.draw(dice).events))
    changed = numbered(change(subject, list(recorded.events), dice))
    checker = subject.checker
    if change is with_other_values:
        checker = subject.renamed_checker or checker
    assert answer(checker, changed) == answer(subject.checker, recorded)


def name_of(one: Any) -> str:
    return one.checker.name if isinstance(one, Subject) else one.__name__


@pytest.mark.parametrize("change", CHANGES, ids=name_of)
@pytest.mark.parametrize("subject", SUBJECTS, ids=name_of)
@settings(max_examples=8)
@given(dice=st.randoms(use_true_random=False))
def test_verdicts_stay(subject: Subject, change: Any, dice: Random) -> None:
    holds(subject, change, dice)


def forgets_harmlessly(subject: Subject, dice: Random) -> None:
    """Not where reads may be stale as long as they come right in the end: then a forgotten answer may be the one that
    came right."""
    if subject.checker == SetFull(linearizable=False):
        return
    recorded = numbered(list(subject.draw(dice).events))
    answers = [event.index for event in recorded.events if event.type is EventType.OK]
    if not answers or check(subject.checker, recorded).verdict is Verdict.INVALID:
        return
    events = list(recorded.events)
    index = dice.choice(answers)
    events[index] = msgspec.structs.replace(events[index], type=EventType.INFO, error="timeout")
    assert check(subject.checker, History(events)).verdict is not Verdict.INVALID


@pytest.mark.parametrize("subject", SUBJECTS, ids=name_of)
@settings(max_examples=15)
@given(dice=st.randoms(use_true_random=False))
def test_forgetting_an_answer_never_makes_a_contradiction(subject: Subject, dice: Random) -> None:
    forgets_harmlessly(subject, dice)


@pytest.mark.slow
@pytest.mark.parametrize("subject", SUBJECTS, ids=name_of)
def test_many_changes(subject: Subject) -> None:
    for seed in range(500):
        for change in CHANGES:
            holds(subject, change, Random(seed))
        forgets_harmlessly(subject, Random(seed))
