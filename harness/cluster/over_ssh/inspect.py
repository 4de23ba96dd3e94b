"""What a node says of a process: /proc, and nothing guessed."""

from __future__ import annotations

from typing import Final

from harness.cluster import Node
from harness.cluster.over_ssh.shell import run

GONE: Final = "gone"
STOPPED: Final = "T"
_DEAD: Final = ("Z", "X")
_POLLS: Final = 150
_POLL_S: Final = 0.02


def state_command(pid: int) -> str:
    """Prints the process's state letter (R, S, D, T, Z, ...), or nothing if it is gone."""
    return f"sed -n 's/^State:[[:space:]]*\\(.\\).*/\\1/p' /proc/{pid}/status 2>/dev/null"


async def process_state(node: Node, pid: int) -> str:
    """The state letter, or GONE. A zombie is gone: nothing of it runs. Raises Trouble, ControlError."""
    return _letter(await run(node, f"{state_command(pid)}; true"))


async def signal(node: Node, pid: int, name: str, until: str) -> str:
    """Sends a signal and waits until the state letter matches the shell pattern `until` (at most three seconds).
    The state then. Raises Trouble, ControlError."""
    script = (
        f"kill -{name} {pid} 2>/dev/null; n=0; "
        f'while s=$({state_command(pid)}); case "$s" in {until}) false;; *) true;; esac && [ $n -lt {_POLLS} ]; '
        f'do n=$((n+1)); sleep {_POLL_S}; done; echo "$s"'
    )
    return _letter(await run(node, script))


def _letter(printed: str) -> str:
    letter = printed.strip()
    return GONE if not letter or letter in _DEAD else letter
