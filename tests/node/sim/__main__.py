"""Run seeds by hand: `python -m tests.node.sim FIRST [COUNT] [--bug NAME] [--changes]`. Prints each run, and stops at a
finding."""

from __future__ import annotations

import argparse

from node_image.bugs import BUGS
from tests.node.sim.run import run


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.node.sim", description=__doc__)
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int, nargs="?", default=1)
    parser.add_argument("--bug", choices=BUGS)
    parser.add_argument("--changes", action="store_true", help="of the membership, and transfers")
    options = parser.parse_args()
    for seed in range(options.first, options.first + options.count):
        print(seed, run(seed, bug=options.bug, changes=options.changes))


if __name__ == "__main__":
    main()
