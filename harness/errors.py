"""The harness's exceptions.

RaftstormError             something the user must hear of, in one sentence, with exit code 3
  BadInput                 what was asked for makes no sense, or does not exist
  CannotRun                the environment lacks something: no engine, no image, an unreachable host
    ControlError           a node could not be controlled (SSH broke): the harness's trouble, never a finding
  HealFailed               faults that could not be lifted in time
"""

from __future__ import annotations

from collections.abc import Sequence


class RaftstormError(Exception):
    """`str(error)` is one clear sentence that says what is wrong and what to do."""


class BadInput(RaftstormError):
    pass


class CannotRun(RaftstormError):
    pass


class ControlError(CannotRun):
    pass


class ServerEnded(ControlError):
    """A server that ended as soon as it was started. `last_line`: of what it said."""

    def __init__(self, node: str, said: str) -> None:
        lines = said.strip().splitlines()
        self.last_line = lines[-1].strip() if lines else ""
        super().__init__(f"Node {node} ended as soon as it was started: {' / '.join(lines) or 'it said nothing'}")


class HealFailed(RaftstormError):
    """`troubles`: what is still wrong, each naming its node or fault."""

    def __init__(self, troubles: Sequence[str], deadline_s: float) -> None:
        self.troubles = tuple(troubles)
        super().__init__(f"The cluster could not be healed within {deadline_s:g} s: {'; '.join(troubles)}.")
