"""`python3 -m node_image.runtime --config FILE`: one node process."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from node_image.runtime.config import BadConfig, read_config
from node_image.runtime.log import set_up_log
from node_image.runtime.server import EXIT_CONFIG, Stop, serve

log = logging.getLogger("node")


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
        asyncio.run(serve(config))
    except Stop as error:
        log.critical("%s", error)
        return error.code
    return 0


if __name__ == "__main__":
    sys.exit(main())
