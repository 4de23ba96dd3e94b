"""Objects behind keys: what the workloads of sets, counters, queues, locks and others share.

Each says what happens on one key, how that becomes calls, and what must hold; here it becomes a `Workload` over many
keys, each used for a while only, so that a history stays quick to judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from checkers.checker import Checker
from checkers.history import Operation
from checkers.stats import Statistics
from harness import generator as gen
from harness.client import ClientFactory, Invocation, keys_of
from harness.cluster import Node
from harness.generator import Generator, Source
from harness.system import System
from harness.workload import WorkloadOptions
from workloads.client import Call, client_factory
from workloads.promises import LINEARIZABLE, as_judged, is_strong
from workloads.registers import PROCESSES_PER_KEY, is_key, key_name


def nothing(options: WorkloadOptions, keys: Sequence[str]) -> Source:
    """No operations at the end."""
    return None


@dataclass(frozen=True, kw_only=True)
class Objects:
    """A `Workload`. `prefix`: of its keys, which are numbered. `needs`: what it calls of a session beside keys."""

    name: str
    prefix: str
    needs: Sequence[type]
    call: Call
    operations: Callable[[WorkloadOptions, int], Source]
    """What this many processes do on one key."""
    promises: Callable[[WorkloadOptions], Sequence[Checker]]
    minimum: Mapping[str, int] = field(default_factory=dict)
    """With fewer ok operations than these, a run says nothing."""
    by_name: bool = False
    """Whether `--workload all` leaves it out: no system can be blamed for what it shows."""
    last: Callable[[WorkloadOptions, Sequence[str]], Source] = nothing
    """What is done at the end, with these keys, when all faults are lifted."""

    def client(self, system: System, nodes: Sequence[Node], options: WorkloadOptions) -> ClientFactory:
        return client_factory(system, nodes, self.call, timeout_s=options.call_timeout_s)

    def generator(self, options: WorkloadOptions, processes: int) -> Generator:
        per_key = max(PROCESSES_PER_KEY, -(-processes // options.keys))
        return gen.independent(
            partial(key_name, self.prefix),
            lambda key: self.operations(options, min(processes, per_key)),
            processes_per_key=per_key,
            ops_per_key=options.ops_per_key,
            keys_at_once=options.keys,
        )

    def final_generator(self, options: WorkloadOptions, processes: int, keys: Sequence[str]) -> Generator | None:
        return gen.lift(self.last(options, [key for key in keys if is_key(self.prefix, key)]))

    def owns(self, operation: Operation) -> bool:
        keys = keys_of(operation.f, operation.key, operation.invoke.value)
        return bool(keys) and is_key(self.prefix, keys[0])

    def checkers(self, options: WorkloadOptions) -> Sequence[Checker]:
        return (*as_judged(self.promises(options), options.judge_reads), Statistics(self.minimum))


def mode_of(options: WorkloadOptions) -> str:
    return options.read_mode or LINEARIZABLE


def half_read(updates: Source, options: WorkloadOptions, processes: int) -> Source:
    """Half of the processes update, the others only read: one whose update hangs for a leader that is cut off cannot
    read there, and it is reads at just that moment that show whether a deposed leader still answers."""
    reads = gen.repeat(Invocation(f="read", read=mode_of(options)))
    return gen.reserve((processes // 2, updates), reads) if processes > 1 else gen.mix([updates, reads])


def read_by_all(options: WorkloadOptions, keys: Sequence[str]) -> Source:
    """Every key is read once more, so that what was lost after its last read shows; then every process reads those that
    are in use, and as many before them. Where the run's reads are weaker than linearizable, these are not: they tell
    what there is in the end."""
    mode = mode_of(options) if is_strong(mode_of(options)) else LINEARIZABLE
    reads = [Invocation(f="read", key=key, read=mode) for key in keys]
    return [*reads, gen.each_process(reads[-2 * options.keys :])]


ENOUGH: Final = 10
"""Operations of a kind that must have succeeded, where there is no reason for another number."""
