"""The node's own work for each request, beside that of an older version of it, in one run.

    python -m benchmarks.node_step [--against COMMIT] [--operations 20000] [--pairs 7]

Three whole nodes in one process, without sockets, disks or waiting: effects of one are inputs of the others at once,
and every sync is done when it is asked for. So this is the CPU time of raft/, replica/, storage/ and driver/ alone.
Half of the requests are writes, a quarter linearizable reads, a quarter sequential reads, 16 in each turn, through all
nodes.

With --against, that commit is checked out in a temporary worktree, and the two are measured in turns, each time in a
process of its own. The ratio of each pair is taken, since the machine may have other work: above 1, this one is slower.
Beside the time, the bytecodes that the node's own code runs for each request are counted, which is the same every time.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("n1", "n2", "n3")
TURN = 16


class Nodes:
    def __init__(self) -> None:
        from node_image.driver.config import NodeConfig
        from node_image.driver.effects import Clocks
        from node_image.driver.node import Node

        self._clocks = Clocks
        self._now = 0.0
        self._work: deque[tuple[str, str, Any]] = deque()
        self.answered = 0
        self.nodes = {
            name: Node(NodeConfig(node=name, peers=frozenset(NAMES)), {}, random.Random(name), self.clocks)
            for name in NAMES
        }
        for name, node in self.nodes.items():
            self.carry_out(name, node.start(self.clocks))
        self.run()
        while not any(node.raft.role == "leader" for node in self.nodes.values()):
            self._now = min(node.deadline() for node in self.nodes.values())
            for name, node in self.nodes.items():
                self.carry_out(name, node.tick(self.clocks))
            self.run()

    @property
    def clocks(self) -> Any:
        return self._clocks(self._now, self._now)

    def carry_out(self, name: str, effects: Iterable[Any]) -> None:
        for effect in effects:
            match type(effect).__name__:
                case "Send":
                    self._work.append((effect.peer, name, effect.message))
                case "Sync" | "Replace":
                    self._work.append((name, "", effect.token))
                case "Reply":
                    assert effect.response["ok"], effect.response
                    self.answered += 1

    def run(self) -> None:
        """Until nothing is left to do."""
        while self._work:
            name, sender, what = self._work.popleft()
            node = self.nodes[name]
            effects = node.peer_message(sender, what, self.clocks) if sender else node.synced(what, self.clocks)
            self.carry_out(name, effects)

    def turn(self, number: int) -> None:
        """TURN requests at once, through one node, and a millisecond."""
        name = NAMES[number % len(NAMES)]
        node = self.nodes[name]
        for place in range(TURN):
            node.client_line(1, _request(number, place), self.clocks, more=True)
        self.carry_out(name, node.settle(self.clocks))
        self.run()
        self._now += 0.001
        for name, node in self.nodes.items():
            if node.deadline() <= self._now:
                self.carry_out(name, node.tick(self.clocks))
        self.run()


def _request(number: int, place: int) -> dict[str, Any]:
    request = {"id": place, "key": f"k{place}"}
    match place % 4:
        case 0 | 2:
            return {**request, "op": "write", "value": number, "session": f"s{place}", "seq": number + 1}
        case 1:
            return {**request, "op": "read"}
        case _:
            return {**request, "op": "read", "mode": "sequential", "min_index": 0}


def work(operations: int) -> float:
    """CPU seconds."""
    nodes = Nodes()
    began = time.process_time()
    for number in range(operations // TURN):
        nodes.turn(number)
    took = time.process_time() - began
    assert nodes.answered == operations // TURN * TURN
    return took


def count(operations: int) -> float:
    """Bytecodes of the node's code."""
    nodes = Nodes()
    counted = 0

    def trace(frame: Any, event: str, argument: Any) -> Any:
        nonlocal counted
        if "node_image" not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        counted += event == "opcode"
        return trace

    sys.settrace(trace)
    for number in range(operations // TURN):
        nodes.turn(number)
    sys.settrace(None)
    return float(counted)


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="raftstorm-benchmark-") as folder:
        tree = Path(folder) / "tree"
        subprocess.run(["git", "-C", ROOT, "worktree", "add", "--quiet", "--detach", tree, commit], check=True)
        try:
            yield tree
        finally:
            subprocess.run(["git", "-C", ROOT, "worktree", "remove", "--force", tree], check=True)


def measured(tree: Path, operations: int, what: str = "work") -> float:
    """In a process of its own, with the node of that tree."""
    command = [sys.executable, __file__, "--worker", what, "--operations", str(operations)]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run(command, env=environment, cwd=tree, check=True, capture_output=True, text=True)
    result, node = done.stdout.split()
    assert Path(node).is_relative_to(tree.resolve()), f"{node} is not of {tree}"
    return float(result)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", metavar="COMMIT")
    parser.add_argument("--operations", type=int, default=20_000)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--worker", choices=["work", "count"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        import node_image

        done = {"work": work, "count": count}[options.worker](options.operations)
        print(done, Path(str(node_image.__file__)).resolve())
    elif options.against is None:
        took = [measured(ROOT, options.operations) for _ in range(options.pairs)]
        print(f"{1e6 * median(took) / options.operations:.1f} us of CPU an operation")
    else:
        with checked_out(options.against) as tree:
            compare(tree, options.operations, options.pairs)


def compare(older: Path, operations: int, pairs: int) -> None:
    few = operations // 10
    now, before = measured(ROOT, few, "count"), measured(older, few, "count")
    print(f"{now / few:.0f} bytecodes an operation, before {before / few:.0f}, {now / before:.4f}", flush=True)
    ratios = []
    for _ in range(pairs):
        now, before = measured(ROOT, operations), measured(older, operations)
        ratios.append(now / before)
        print(
            f"{1e6 * now / operations:.1f} us an operation, before {1e6 * before / operations:.1f}, {ratios[-1]:.3f}",
            flush=True,
        )
    print(f"median ratio {median(ratios):.3f}, from {min(ratios):.3f} to {max(ratios):.3f}")


if __name__ == "__main__":
    main()
