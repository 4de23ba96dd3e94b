"""`python3 -m node_image.runtime --config FILE`: one node process."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from node_image.runtime.config import BadConfig, read_config
from node_image.runtime.log import set_up_log
from node_image.runtime.server import EXIT_CONFIG, EXIT_DISK, Stop, serve

NEVER_S: Final = 4e9
"""No thread is made to give up the interpreter: each does so by itself at every system call, thousands of times a
second. Waiting for it with a time-out is what must not happen: under libfaketime such a wait takes its deadline, which
is on the monotonic clock, for one on the wall clock, finds it long past and spins, and the event loop hardly gets to
read a clock any more (writes took 300 ms instead of 5). A deadline this far away is in the future on both clocks."""

log = logging.getLogger("node")


def fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed (Debian: python3-uvloop): it costs less for each request. None: asyncio's."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def main() -> int:
    parser = argparse.ArgumentParser(prog="node_image.runtime", description="One Raft node.")
    parser.add_argument("--config", type=Path, required=True, help="JSON, see node_image/runtime/config.py")
    parser.add_argument("--debug", action="store_true", help="a more talkative log")
    arguments = parser.parse_args()
    set_up_log("?", logging.INFO)
    try:
        config = read_config(arguments.config)
    except BadConfig as error:
        log.critical("%s", error)
        return EXIT_CONFIG
    set_up_log(config.node.node, logging.DEBUG if arguments.debug else logging.INFO)
    try:
        sys.setswitchinterval(NEVER_S)
        with asyncio.Runner(loop_factory=fastest_loop()) as runner:
            runner.run(serve(config))
    except Stop as error:
        # A disk that fails is no mistake of the node's.
        log.log(logging.ERROR if error.code == EXIT_DISK else logging.CRITICAL, "%s", error)
        return error.code
    return 0


if __name__ == "__main__":
    sys.exit(main())
