"""take {"pid": the server's, "limit_bytes": of the control group}
    -> {"taken_bytes": 12345}, once the server is gone, or as much as the limit was taken

In steps of one and a half times what the server has. It may be ended itself, right after the server: then it prints
nothing.
"""

from __future__ import annotations

import json
import sys

from harness.on_nodes.hunger.order import MOST, score

LEAST_BYTES = 1 << 20
OWN_BYTES = 16 << 20
"""What Python takes for itself, and a little more."""
GONE = ("Z", "X")
# Five nodes that are hit together share the machine's processors: nothing is imported that can be done without.


def take(pid: int, limit_bytes: int) -> int:
    status = f"/proc/{pid}/status"
    server = 1024 * int(field(status, "RssAnon") or 0)
    step = step_bytes(server)
    taken: list[bytes] = []
    add(pid, MOST)
    while len(taken) * step < limit_bytes and (field(status, "State") or "X") not in GONE:
        mine = OWN_BYTES + (len(taken) + 1) * step
        add("self", score(server, mine, limit_bytes))
        taken.append(bytes([1]) * step)
    return len(taken) * step


def add(process: int | str, thousandths: int) -> None:
    """To what the kernel takes a process for, if it is there."""
    try:
        with open(f"/proc/{process}/oom_score_adj", "w") as added:
            added.write(str(thousandths))
    except (FileNotFoundError, ProcessLookupError):
        pass


def step_bytes(server_bytes: int) -> int:
    """Not less: where the limit is near, a kernel that is asked for little drops and reads again the pages of running
    programs. Not more: `score` is for what will be there after the step, so too low for what is there until then."""
    return max(3 * server_bytes // 2, LEAST_BYTES)


def field(status: str, name: str) -> str | None:
    """None: the process is gone, or has nothing of the kind any more."""
    try:
        with open(status) as file:
            lines = file.readlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next((line.split()[1] for line in lines if line.startswith(f"{name}:")), None)


def main(command: str, given: str) -> int:
    assert command == "take"
    print(json.dumps({"taken_bytes": take(**json.loads(given))}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
