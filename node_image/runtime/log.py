"""The log for people, on stderr: one line for each thing worth knowing, with the time of day that the process sees."""

from __future__ import annotations

import logging
import sys
from typing import Any, Final

_ELECTIONS: Final = logging.getLogger("raft")


def set_up_log(node: str, level: int) -> None:
    logging.basicConfig(
        stream=sys.stderr,
        level=level,
        force=True,
        format=f"%(asctime)s.%(msecs)03d {node} %(levelname)-7s %(name)s: %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S",
    )


def log_role(record: dict[str, Any]) -> None:
    """Tells of starts, elections and the end; `record` is one of the trace."""
    match record["event"], record["role"]:
        case "role", "follower":
            leader = record["leader"] or "nobody yet"
            _ELECTIONS.info("term %d: follows %s, log ends at %d", record["term"], leader, record["last_index"])
        case "role", role:
            _ELECTIONS.info("term %d: %s, log ends at %d", record["term"], role, record["last_index"])
        case "start" | "stop" as event, _:
            _ELECTIONS.info("%s: term %d, applied %d", event, record["term"], record["applied"])
