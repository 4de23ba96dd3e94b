"""How soon a local cluster has a leader: from the command until the first operation may be recorded.

    python -m benchmarks.local_start [--rounds 5] [--nodes 5]

Each round is a run as a user makes it, in a process of its own and a folder of its own. Its history is opened when a
leader has been seen, and that is the moment that is taken. Beside it: the time until the command had read its options
and made the run's folder, which is what importing costs. Wanted: a median of 2 s from the command to the leader.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from tabulate import tabulate

WANTED_S = 2.0
DEADLINE_S = 120.0
LOOK_S = 0.005
NAME = "measured"


def measure(nodes: int) -> tuple[float, float]:
    """Seconds until the run's folder is there, and until a leader is."""
    with tempfile.TemporaryDirectory(prefix="raftstorm-benchmark-") as folder:
        options = ["--cluster", "local", "--nodes", str(nodes), "--nemesis", "none", "--time-limit", "1"]
        began = time.monotonic()
        command = [sys.executable, "-c", "from harness.cli import main; main()", "run", *options, "--name", NAME]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        silent = subprocess.DEVNULL
        with subprocess.Popen(command, cwd=folder, env=environment, stdout=silent, stderr=silent) as process:
            run = Path(folder, "results", "runs", NAME)
            there_s = seen_after_s(began, run / "run.json", process)
            leader_s = seen_after_s(began, run / "history.jsonl", process)
        return there_s, leader_s


def seen_after_s(began: float, path: Path, process: subprocess.Popen[bytes]) -> float:
    while not path.exists():
        if process.poll() is not None or time.monotonic() - began > DEADLINE_S:
            raise SystemExit(f"the run did not get so far as to make {path.name}")
        time.sleep(LOOK_S)
    return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--nodes", type=int, default=5)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    measured = [measure(options.nodes) for _ in range(options.rounds)]
    rows = [
        [what, round(median(seconds), 2), round(min(seconds), 2), round(max(seconds), 2)]
        for what, seconds in zip(("the run's folder", "a leader"), zip(*measured, strict=True), strict=True)
    ]
    print(tabulate(rows, headers=["seconds until", "median", "least", "most"]))
    leader_s = median(leader for _, leader in measured)
    print(f"load of the machine: {load:.1f} on {os.cpu_count()} CPUs")
    print(f"a leader within {WANTED_S:g} s: {'yes' if leader_s <= WANTED_S else 'NO'}")


if __name__ == "__main__":
    main()
