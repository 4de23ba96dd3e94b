"""Workloads: what clients do, together with what must hold.

A workload is found by the entry point group `raftstorm.workloads`; an object that satisfies `Workload`.
Several workloads can run together in one run: each has its own keys and its own processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from checkers.checker import Checker
from checkers.events import Event, EventType
from checkers.history import Operation
from checkers.operation import operation
from harness.client import ClientFactory, Invocation
from harness.cluster import Node
from harness.generator import Generator
from harness.system import System


@dataclass(frozen=True)
class WorkloadOptions:
    read_mode: str | None = None
    """None: the workload's own default."""
    judge_reads: str | None = None
    """The read mode by whose promise all reads are judged. None: each by its own."""
    keys: int = 5
    """Keys in use at once."""
    ops_per_key: int = 200
    """After that many operations a key is retired and a fresh one takes its place."""
    call_timeout_s: float = 5.0
    extra: Mapping[str, str] = field(default_factory=dict)


class Workload(Protocol):
    """It may have beside this `needs`: the protocols of `harness.capabilities` that its client calls; and `reads`: the
    read mode that it asks for by itself, where that is not linearizable; and `by_name`: whether `--workload all` leaves
    it out."""

    @property
    def name(self) -> str: ...

    def client(self, system: System, nodes: Sequence[Node], options: WorkloadOptions) -> ClientFactory: ...

    def generator(self, options: WorkloadOptions, processes: int) -> Generator:
        """The client operations for this many processes, without rate and time limit: the runner adds those."""

    def final_generator(self, options: WorkloadOptions, processes: int, keys: Sequence[str]) -> Generator | None:
        """Reads at the end, when all faults are lifted. `keys`: all keys of the run so far, oldest first
        (`Interpreter.keys`); those of other workloads are passed over."""

    def owns(self, operation: Operation) -> bool:
        """Whether an operation of a mixed history is this workload's (by its key)."""

    def checkers(self, options: WorkloadOptions) -> Sequence[Checker]:
        """They are given histories with this workload's operations alone."""


def owner(workloads: Sequence[Workload], invocation: Invocation) -> int | None:
    """Which of the workloads an operation belongs to, by its key; None if to none of them."""
    event = Event(
        index=0,
        time=0,
        process=invocation.process,
        type=EventType.INVOKE,
        f=invocation.f,
        key=invocation.key,
        value=invocation.value,
        read=invocation.read,
    )
    invoked = operation(event, None)
    return next((number for number, workload in enumerate(workloads) if workload.owns(invoked)), None)
