"""The checker: every key by itself, then all together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from checkers.checker import Budget, OutOfTime, Recording
from checkers.history import Operation
from checkers.linearizability.register import RegisterResult, check_register
from checkers.verdict import Anomaly, Result, Verdict, merge

KeyAndOperations = tuple[str | None, Sequence[Operation]]


@dataclass(frozen=True)
class Linearizability:
    """Judges every operation of the recording, so it must be given those that promise to be linearizable alone.

    `initial`: what a key holds before anything is written. Keys are spread over `budget.map`; what is handed to
    it pickles if `budget.seconds_left` does."""

    name: str = "linearizable"
    initial: Any = None

    def check(self, recording: Recording, budget: Budget) -> Result:
        """Raises NotARegister for operations that a register does not have."""
        keys = by_key(recording.history.operations)
        check_one = partial(_check_key, initial=self.initial, seconds_left=budget.seconds_left)
        answers = dict(zip(keys, budget.map(check_one, keys.items()), strict=True))
        return _together(self.name, answers)


def by_key(operations: Sequence[Operation]) -> dict[str | None, list[Operation]]:
    """Each key's operations, by invocation."""
    keys: dict[str | None, list[Operation]] = {}
    for operation in operations:
        keys.setdefault(operation.key, []).append(operation)
    return keys


def _check_key(item: KeyAndOperations, initial: Any, seconds_left: Callable[[], float]) -> RegisterResult | None:
    """None: out of time."""
    try:
        result = check_register(item[1], initial, Budget(seconds_left=seconds_left))
    except OutOfTime:
        return None
    return result


def _together(name: str, answers: dict[str | None, RegisterResult | None]) -> Result:
    late = [key for key, answer in answers.items() if answer is None]
    decided = {key: answer for key, answer in answers.items() if answer is not None}
    verdicts = [answer.verdict for answer in decided.values()]
    verdict = merge([*verdicts, *([Verdict.UNKNOWN] if late else [])])
    return Result(
        checker=name,
        verdict=verdict,
        anomalies=[_with_key(anomaly, key) for key, answer in decided.items() for anomaly in answer.anomalies],
        reason=_late(late, len(answers)) if verdict is Verdict.UNKNOWN else None,
        algorithm=_algorithms(decided) or None,
        operations=sum(answer.operations for answer in decided.values()),
        details={"keys": {str(key): _row(answer) for key, answer in answers.items()}},
    )


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
