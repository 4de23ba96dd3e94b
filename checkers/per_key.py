"""Objects that are judged key by key: each by itself, then all together.

Linearizability composes (Herlihy and Wing, "Linearizability: A Correctness Condition for Concurrent Objects", 1990,
section 3.1): a history is linearizable exactly if each object's part of it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from checkers.columns import Operations
from checkers.history import Operation
from checkers.verdict import Anomaly, Result, Verdict, merge


class KeyAnswer(Protocol):
    """What is answered about one key. `verdict` is valid or invalid; running out of time raises OutOfTime."""

    @property
    def verdict(self) -> Verdict: ...

    @property
    def algorithm(self) -> str: ...

    @property
    def why(self) -> str:
        """Why this algorithm decided."""

    @property
    def operations(self) -> int:
        """How many operations said something."""

    @property
    def witness(self) -> Sequence[int] | None:
        """valid: invocation indexes in an order that explains the history."""

    @property
    def anomalies(self) -> Sequence[Anomaly]: ...


class Certified(Result, kw_only=True, dict=True):
    """A result with its certificates, which validate.py can check. An invalid key's is the operations of its anomaly.
    A valid key's is no field, so that it is not stored with the verdict and does not go to other processes."""

    @property
    def witnesses(self) -> Mapping[str | None, Sequence[int]]:
        """Valid key -> invocation indexes in an order that explains its operations."""
        found: Mapping[str | None, Sequence[int]] = self.__dict__.get("_witnesses", {})
        return found


def by_key(operations: Sequence[Operation]) -> Mapping[str | None, Sequence[Operation]]:
    """Each key's operations, by invocation."""
    if isinstance(operations, Operations):
        return operations.by_key()
    keys: dict[str | None, list[Operation]] = {}
    for operation in operations:
        keys.setdefault(operation.key, []).append(operation)
    return keys


def together(name: str, answers: Mapping[str | None, KeyAnswer | None]) -> Certified:
    """The result of all keys. None: out of time."""
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


def _algorithms(decided: dict[str | None, KeyAnswer]) -> str:
    """'<algorithm>: <keys> (<why>); ...'"""
    count = Counter(answer.algorithm for answer in decided.values())
    why = {answer.algorithm: answer.why for answer in reversed(decided.values())}
    return "; ".join(f"{name}: {n} key{'s' * (n != 1)} ({why[name]})" for name, n in count.items())


def _row(answer: KeyAnswer | None) -> dict[str, Any]:
    if answer is None:
        return {"verdict": Verdict.UNKNOWN.value}
    return {"verdict": answer.verdict.value, "operations": answer.operations, "algorithm": answer.algorithm}
