"""The runner: one experiment, from an empty machine to a judged run folder.

    cluster up -> install, start -> wait for a leader -> main phase (clients; faults from the schedule)
    -> heal, verified -> final reads -> logs and traces collected -> cluster down -> judge

What was recorded is on disk the moment it happened; whatever goes wrong later only adds a `trouble` to run.json. A
trouble before the first operation means that the experiment could not run; after it, that the run is unknown at
best, and it is judged all the same.
"""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import shlex
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final

import msgspec

from checkers.events import EventType
from harness import generator as gen
from harness import plugins
from harness.cluster import Cluster, Node
from harness.errors import CannotRun, ControlError, RaftstormError
from harness.experiment import Experiment
from harness.generator import Generator
from harness.interpreter import Interpreter
from harness.monitor import Monitor
from harness.progress import Display, Progress
from harness.recorder import Recorder
from harness.system import Status, System
from harness.workload import Workload
from harness.world import World
from harness.world.real import RealWorld
from results.store import RunFolder

log = logging.getLogger("raftstorm")

LEADER_DEADLINE_S: Final = 20.0
FINAL_READS_S: Final = 30.0
REFRESH_S: Final = 0.25
