"""A simulated run, kept as a run folder like any other."""

from __future__ import annotations

import platform
import shlex
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final

import msgspec

from harness.cluster.simulation.messages import MessageLog
from harness.cluster.simulation.simulate import WALL_BASE_NS, Simulated, simulate
from harness.experiment import Experiment, script_of
from harness.script import write_script
from results.store import RunFolder, write_atomically

ENGINE: Final = "simulation"


def record(experiment: Experiment, folder: RunFolder, *, command: str | None = None) -> Simulated:
    """Simulates it and fills its folder. run.json's options are the experiment as it was drawn; its `simulation` holds
    how it was asked for, and what was found. `command`: what makes it again; None: what was typed."""
    messages = MessageLog()
    simulated = simulate(experiment, witness=messages)
    if (script := script_of(experiment)) is not None:
        folder.save_schedule(write_script(script))
    folder.save_run(_run(experiment, folder, simulated, command or shlex.join(["raftstorm", *sys.argv[1:]])))
    write_atomically(folder.history_path, b"".join(simulated.history))
    write_atomically(folder.status_path, b"".join(simulated.statuses))
    write_atomically(folder.path / "messages.jsonl", messages.encoded())
    for name, trace in simulated.traces.items():
        node = folder.node_folder(name)
        node.mkdir(parents=True, exist_ok=True)
        write_atomically(node / "trace.jsonl", b"".join(line + b"\n" for line in trace))
        write_atomically(node / "node.log", "".join(line + "\n" for line in simulated.logs[name]).encode())
    return simulated


def _run(experiment: Experiment, folder: RunFolder, simulated: Simulated, command: str) -> dict[str, Any]:
    return {
        "name": folder.name,
        "version": version("raftstorm"),
        "seed": experiment.seed,
        "command": command,
        "options": simulated.experiment.as_run(),
        "python": platform.python_version(),
        "created": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "engine": ENGINE,
        "nodes": [{"name": name, "host": name, "port": 0, "peer_address": name} for name in experiment.node_names],
        "wall_base_ns": WALL_BASE_NS,
        "mono_base_ns": 0,
        "phases": simulated.phases,
        "run_seconds": simulated.end / 1e9,
        "simulation": {
            "asked": msgspec.to_builtins(experiment),
            "digest": simulated.digest,
            "drawn": simulated.drawn,
            "findings": msgspec.to_builtins(simulated.findings),
            "messages": simulated.messages,
            "steps": simulated.steps,
        },
    }
