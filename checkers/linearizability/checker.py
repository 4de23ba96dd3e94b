"""The checker: every key by itself, then all together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from checkers.checker import Budget, OutOfTime, Recording
from checkers.columns import Operations
from checkers.history import Operation
from checkers.linearizability.register import LONG, RegisterResult, check_long, check_short
from checkers.verdict import Anomaly, Result, Verdict, merge

KeyAndOperations = tuple[str | None, Sequence[Operation]]
Answers = dict[str | None, RegisterResult | None]
"""None: out of time."""


class Certified(Result, kw_only=True, dict=True):
    """A result with its certificates, which validate.py can check. An invalid key's is the operations of its anomaly.
    A valid key's is no field, so that it is not stored with the verdict and does not go to other processes."""

    @property
    def witnesses(self) -> Mapping[str | None, Sequence[int]]:
        """Valid key -> invocation indexes in an order that explains its operations."""
        found: Mapping[str | None, Sequence[int]] = self.__dict__.get("_witnesses", {})
        return found


@dataclass(frozen=True)
class Linearizability:
    """Judges every operation of the recording, so it must be given those that promise to be linearizable alone.

    `initial`: what a key holds before anything is written. Keys are spread over `budget.map`; what is handed to
    it pickles if `budget.seconds_left` does."""

    name: str = "linearizable"
    initial: Any = None

    def check(self, recording: Recording, budget: Budget) -> Certified:
        """Raises NotARegister for operations that a register does not have."""
        keys = by_key(recording.history.operations)
        answers = dict.fromkeys(keys) | _long_ones(keys, self.initial, budget)
        rest = [(key, tuple(operations)) for key, operations in keys.items() if answers[key] is None]
        check_one = partial(_check_key, initial=self.initial, seconds_left=budget.seconds_left)
        answers |= dict(zip((key for key, _ in rest), budget.map(check_one, rest), strict=True))
        return _together(self.name, answers)


def by_key(operations: Sequence[Operation]) -> Mapping[str | None, Sequence[Operation]]:
    """Each key's operations, by invocation."""
    if isinstance(operations, Operations):
        return operations.by_key()
    keys: dict[str | None, list[Operation]] = {}
    for operation in operations:
        keys.setdefault(operation.key, []).append(operation)
    return keys


def _long_ones(keys: Mapping[str | None, Sequence[Operation]], initial: Any, budget: Budget) -> Answers:
    """Long registers that columns can decide: here, since that takes less time than to hand them to others."""
    long = {key: operations for key, operations in keys.items() if len(operations) >= LONG}
    return {key: check_long(operations, initial, budget) for key, operations in long.items()}


def _check_key(item: KeyAndOperations, initial: Any, seconds_left: Callable[[], float]) -> RegisterResult | None:
    """None: out of time."""
    try:
        result = check_short(item[1], initial, Budget(seconds_left=seconds_left))
    except OutOfTime:
        return None
    return result


def _together(name: str, answers: Answers) -> Certified:
    late = [key for key, answer in answers.items() if answer is None]
    decided = {key: answer for key, answer in answers.items() if answer is not None}
    verdicts = [answer.verdict for answer in decided.values()]
    verdict = merge([*verdicts, *([Verdict.UNKNOWN] if late else [])])
    result = Certified(
        checker=name,
        verdict=verdict,
        anomalies=[_with_key(anomaly, key) for key, answer in decided.items() for anomaly in answer.anomalies],
        reason=_late(late, len(answers)) if verdict is Verdict.UNKNOWN else None,
        algorithm=_algorithms(decided) or None,
        operations=sum(answer.operations for answer in decided.values()),
        details={"keys": {str(key): _row(answer) for key, answer in answers.items()}},
    )
    result.__dict__["_witnesses"] = {
        key: answer.witness for key, answer in decided.items() if answer.witness is not None
    }
    return result


def _with_key(anomaly: Anomaly, key: str | None) -> Anomaly:
    anomaly.key = key
    return anomaly


def _late(late: Sequence[str | None], keys: int) -> str:
    names = ", ".join(map(str, late[:5])) + (", ..." if len(late) > 5 else "")
    return f"time ran out before {len(late)} of {keys} keys could be decided ({names})"


def _algorithms(decided: dict[str | None, RegisterResult]) -> str:
    """'<algorithm>: <keys> (<why>); ...'"""
    count = Counter(answer.algorithm for answer in decided.values())
    why = {answer.algorithm: answer.why for answer in reversed(decided.values())}
    return "; ".join(f"{name}: {n} key{'s' * (n != 1)} ({why[name]})" for name, n in count.items())


def _row(answer: RegisterResult | None) -> dict[str, Any]:
    if answer is None:
        return {"verdict": Verdict.UNKNOWN.value}
    return {"verdict": answer.verdict.value, "operations": answer.operations, "algorithm": answer.algorithm}
