"""take {"pid": the server's, "limit_bytes": of the control group}
    -> {"taken_bytes": 12345}, once the server is gone, or as much as the limit was taken

Half of what the server has at a time. It may be ended itself, right after the server: then it prints nothing.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from harness.on_nodes.hunger.order import score

LEAST_BYTES: Final = 1 << 20
OWN_BYTES: Final = 16 << 20
"""What Python takes for itself, and a little more."""
GONE: Final = ("Z", "X")


def take(pid: int, limit_bytes: int) -> int:
    status = Path(f"/proc/{pid}/status")
    server = 1024 * int(field(status, "RssAnon") or 0)
    step = max(server // 2, LEAST_BYTES)
    taken: list[bytes] = []
    while len(taken) * step < limit_bytes and (field(status, "State") or "X") not in GONE:
        mine = OWN_BYTES + (len(taken) + 1) * step
        Path("/proc/self/oom_score_adj").write_text(str(score(server, mine, limit_bytes)))
        taken.append(bytes([1]) * step)
    return len(taken) * step


def field(status: Path, name: str) -> str | None:
    """None: the process is gone, or has nothing of the kind any more."""
    try:
        lines = status.read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next((line.split()[1] for line in lines if line.startswith(f"{name}:")), None)


def main(command: str, given: str) -> int:
    assert command == "take"
    print(json.dumps({"taken_bytes": take(**json.loads(given))}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
