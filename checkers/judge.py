"""Judging: every checker's answer on one recording, whatever happens inside a checker."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence

from checkers.checker import Budget, Checker, OutOfTime, Recording
from checkers.verdict import Result, Verdict


def judge_one(
    checker: Checker,
    recording: Recording,
    budget: Budget,
    clock: Callable[[], float],
    *,
    let_through: tuple[type[Exception], ...] = (),
) -> Result:
    """One result, never an exception (but those to `let_through`): a checker that raises or runs out of time is
    unknown, with the reason.

    `clock` gives seconds; `Result.seconds` is measured with it."""
    began = clock()
    try:
        result = checker.check(recording, budget)
    except let_through:
        raise
    except OutOfTime:
        result = _unknown(checker, "it ran out of time before it could decide")
    except MemoryError:
        result = _unknown(checker, "it ran out of memory before it could decide")
    except Exception as error:
        result = _unknown(checker, f"the checker itself failed: {type(error).__name__}: {error}")
        result.details["traceback"] = traceback.format_exc()
    result.seconds = round(clock() - began, 4)
    return result


def _unknown(checker: Checker, reason: str) -> Result:
    return Result(checker=checker.name, verdict=Verdict.UNKNOWN, reason=reason)


def judge(
    checkers: Sequence[Checker], recording: Recording, budget: Callable[[], Budget], clock: Callable[[], float]
) -> list[Result]:
    """The results of all, in the order of the checkers. Each gets a fresh budget: one that takes long leaves the
    others their time."""
    return [judge_one(checker, recording, budget(), clock) for checker in checkers]
