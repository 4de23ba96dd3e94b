"""Answers: what a client is told (docs/client-protocol.md), without the `id` of its request.

`definite` is the promise that matters: true means that this request certainly had no effect and never will."""

from __future__ import annotations

from typing import Any, Final

from node_image.replica.session import Result

Answer = dict[str, Any]

_INDEFINITE_RESULTS: Final = frozenset({"stale-sequence"})


def refusal(error: str, *, definite: bool, leader: str | None = None, detail: str | None = None) -> Answer:
    answer: Answer = {"ok": False, "error": error, "definite": definite, "leader": leader}
    if detail is not None:
        answer["detail"] = detail
    return answer


def command_answer(result: Result) -> Answer:
    if result.error is not None:
        return refusal(result.error, definite=result.error not in _INDEFINITE_RESULTS)
    if result.answer is None:
        return {"ok": True, "index": result.log_index}
    return {"ok": True, "index": result.log_index, **result.answer}


def read_answer(value: Any, applied: int) -> Answer:
    """`applied` is the log index that the answering node's state had reached."""
    return {"ok": True, "value": value, "index": applied}
