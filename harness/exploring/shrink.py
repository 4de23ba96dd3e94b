"""Shrinking: from a simulated run that fails to the smallest one that fails in the same way.

What happened in it is written down as a script: the faults that took effect, with what they hit, and the operations.
The script is played with the same seed, and must fail in the same way; then things are taken away as long as it does:
what comes after the failure, faults and operations (ddmin), nodes, and time; and again, until nothing more goes.

Played from a script a run is not quite the same: what faults did that never took effect is missing, and the operations
end otherwise. Where that is enough for it not to fail, a few other fates of messages and disks are tried (forks of the
streams `network` and `machine`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, Final

import msgspec

from checkers.history import decode
from checkers.verdict import Verdict, merge
from harness.client import Invocation
from harness.cluster.simulation.simulate import Simulated, simulate
from harness.experiment import Experiment
from harness.exploring.ddmin import ddmin
from harness.exploring.pool import Pool
from harness.exploring.trial import Found, Outcome, Trial, first_findings, judge_simulated
from harness.script import Script, ScriptedFault, replayed

NS: Final = 1_000_000_000
FATES: Final = 24
"""How often other fates are tried where a script does not fail by itself."""
NODE_FATES: Final = 3
"""The same for fewer nodes: all elections are others then."""
FEWEST_NODES: Final = 3
MARGIN_S: Final = 0.5
"""After the failure."""
LEAST_S: Final = 1.0
"""Of a main phase."""
SHARES: Final = (0.25, 0.5, 0.75)
ROUNDS: Final = 3
FATEFUL: Final = ("network", "machine")
_NUMBERS: Final = re.compile(r"n?\d+(\.\d+)?")

Signature = tuple[str, str, str]


def signature(found: Found) -> Signature:
    """What is the same in two findings of the same kind: the checker, the kind, and of what the simulator saw the
    sentence up to its first colon, without numbers and nodes."""
    rule = ""
    if found.checker == "simulation":
        text = found.text.split(" s: ", 1)[-1]
        rule = _NUMBERS.sub("#", text.split(":", 1)[0])
    return found.checker, found.kind, rule


@dataclass(frozen=True)
class Story:
    """A script with the experiment that it is played in."""

    experiment: Experiment
    script: Script

    def __str__(self) -> str:
        script, experiment = self.script, self.experiment
        counts = ((len(script.faults), "fault"), (len(script.operations), "operation"), (experiment.nodes, "node"))
        words = [f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts]
        return ", ".join([*words, f"{experiment.time_limit:g} s"])

    @property
    def size(self) -> tuple[int, int, int, float]:
        return len(self.script.faults), len(self.script.operations), self.experiment.nodes, self.experiment.time_limit

    def with_faults(self, faults: Iterable[ScriptedFault]) -> Story:
        return replace(self, script=replace(self.script, faults=tuple(faults)))

    def with_operations(self, operations: Iterable[Invocation]) -> Story:
        return replace(self, script=replace(self.script, operations=tuple(operations)))

    def with_fate(self, fork: str) -> Story:
        experiment = msgspec.structs.replace(self.experiment, fork=(*self.experiment.fork, fork))
        return replace(self, experiment=experiment)


@dataclass(frozen=True)
class Failure:
    """A run that fails, simulated as a whole. `after_s`: when, since its main phase began, if that is known: what the
    simulator sees ends a run. `begins_s`: its main phase, in run time."""

    story: Story
    signatures: frozenset[Signature]
    begins_s: float
    after_s: float | None


def failure_of(experiment: Experiment) -> Failure | None:
    """Simulates it; None where it does not fail. Raises BadInput for faults that cannot be written down."""
    simulated = simulate(experiment)
    history = decode(b"".join(simulated.history))
    results = judge_simulated(simulated, history)
    if merge(result.verdict for result in results) is not Verdict.INVALID:
        return None
    begins_ns, ends_ns = _main_phase(simulated)
    script = replayed(history, begins_ns=begins_ns, ends_ns=ends_ns, operations=True)
    scripted = msgspec.structs.replace(simulated.experiment, schedule=None, nemesis=script.kinds, swarm=False)
    return Failure(
        story=Story(scripted, script),
        signatures=frozenset(map(signature, first_findings(results))),
        begins_s=begins_ns / NS,
        after_s=(simulated.end - begins_ns) / NS if _was_stopped(simulated) else None,
    )


def _main_phase(simulated: Simulated) -> tuple[int, int]:
    """A run that never came so far has none: then nothing was done to it."""
    phase = next((phase for phase in simulated.phases if phase["name"] == "main"), None)
    return (phase["begin"], phase["end"]) if phase else (simulated.end, simulated.end)


def _was_stopped(simulated: Simulated) -> bool:
    return any(finding.kind == "safety" for finding in simulated.findings)


@dataclass
class Shrinker:
    """`signatures`: one of them must be left. `stops`: whether it is enough: what is smallest so far is the answer
    then. `tick` is told what is tried, and the smallest so far."""

    pool: Pool
    signatures: frozenset[Signature]
    stops: Callable[[], bool] = lambda: False
    tick: Callable[[str, Story | None], object] = lambda phase, story: None
    runs: int = 0
    virtual_s: float = 0.0
    _needs_nodes: bool = field(default=False, init=False)
    """It did not fail on fewer: many runs, which are not tried again for a few operations less."""
    _phase: str = field(default="", init=False)
    _smallest: Story | None = field(default=None, init=False)

    def reproduce(self, failure: Failure) -> Story | None:
        """The first that fails: the story as it is, or with another fate. None: none of them does."""
        self._phase = "reproducing"
        stories = [failure.story, *_with_fates(failure.story, FATES, (0.0, failure.begins_s))]
        failing = self._first_failing(stories)
        return None if failing is None else stories[failing]

    def shrink(self, story: Story, after_s: float | None = None) -> Story:
        """`story` fails."""
        if after_s is not None:
            story = self._first_of("time", story, [cut(story, after_s + MARGIN_S)])
        for _ in range(ROUNDS):
            before = story.size
            story = self._smaller(story)
            if story.size == before or self.stops():
                break
        return story

    def _smaller(self, story: Story) -> Story:
        story = self._some_faults(self._shorter(story))
        story = self._some_operations(self._shorter(story))
        if not self._needs_nodes:
            fewer = self._first_of("nodes", story, list(_fewer_nodes(story)))
            self._needs_nodes = fewer is story
            story = fewer
        return self._shorter(story)

    def _some_faults(self, story: Story) -> Story:
        self._begin("faults", story)
        return story.with_faults(ddmin(story.script.faults, self._among(story.with_faults)))

    def _some_operations(self, story: Story) -> Story:
        """At least one is left: without any, the workloads would make them up."""
        self._begin("operations", story)
        return story.with_operations(ddmin(story.script.operations, self._among(story.with_operations), empty=False))

    def _shorter(self, story: Story) -> Story:
        """To the end of what happens in it, or to a part of it."""
        while True:
            shorter = self._first_of("time", story, [*_shorter(story)])
            if shorter is story:
                return story
            story = shorter

    def _first_of(self, phase: str, story: Story, candidates: Sequence[Story]) -> Story:
        """The first that fails; `story` if none does."""
        self._begin(phase, story)
        failing = self._first_failing(candidates)
        return story if failing is None else candidates[failing]

    def _among(self, make: Callable[[Sequence[Any]], Story]) -> Callable[[Sequence[Sequence[Any]]], int | None]:
        return lambda candidates: self._first_failing([make(candidate) for candidate in candidates])

    def _begin(self, phase: str, story: Story) -> None:
        self._phase, self._smallest = phase, story

    def _first_failing(self, stories: Sequence[Story]) -> int | None:
        """Nothing fails any more once somebody wants it to end. The answer does not depend on how many are tried at
        once: those before the first are all awaited."""
        failing: list[int] = []
        waiting = iter(enumerate(stories))

        def next_trial() -> Trial | None:
            if failing or self.stops():
                return None
            number, story = next(waiting, (0, None))
            return None if story is None else Trial(story.experiment, number, script=story.script)

        for trial, outcome in self.pool.run(next_trial, lambda: self.tick(self._phase, self._smallest)):
            self.runs += 1
            self.virtual_s += outcome.virtual_s
            if self.fails(outcome):
                failing.append(trial.number)
        if failing:
            self._smallest = stories[min(failing)]
        return min(failing, default=None)

    def fails(self, outcome: Outcome) -> bool:
        """In the same way."""
        return not self.signatures.isdisjoint(map(signature, outcome.findings))


def _with_fates(story: Story, count: int, at_s: Sequence[float]) -> Iterator[Story]:
    for salt in range(1, count + 1):
        at = f"{at_s[salt % len(at_s)]:.6f}".rstrip("0").rstrip(".")
        yield story.with_fate(f"{at}:{salt}:{'+'.join(FATEFUL)}")


def cut(story: Story, limit_s: float) -> Story:
    """Only what begins before the limit; what lasts longer ends there. The story itself where no operation would be
    left: without any, the workloads would make them up."""
    limit_s = max(LEAST_S, round(limit_s, 3))
    faults = tuple(
        replace(fault, until_s=min(fault.until_s, limit_s)) for fault in story.script.faults if fault.at_s < limit_s
    )
    operations = tuple(operation for operation in story.script.operations if operation.time < limit_s * NS)
    if limit_s >= story.experiment.time_limit or not operations:
        return story
    return Story(msgspec.structs.replace(story.experiment, time_limit=limit_s), Script(faults, operations))


def _shorter(story: Story) -> Iterator[Story]:
    limit_s = story.experiment.time_limit
    ends = [fault.until_s for fault in story.script.faults] + [
        operation.time / NS for operation in story.script.operations
    ]
    wanted = [share * limit_s for share in SHARES] + [max(ends, default=0.0) + MARGIN_S]
    for shorter_s in sorted(wanted):
        candidate = cut(story, shorter_s)
        if candidate.experiment.time_limit <= 0.95 * limit_s:
            yield candidate


def _fewer_nodes(story: Story) -> Iterator[Story]:
    """Three of the nodes, with a few fates each; those first that most happens to."""
    names = story.experiment.node_names
    if len(names) <= FEWEST_NODES:
        return
    touched = [sum(repr(name) in repr(fault.exact) for fault in story.script.faults) for name in names]
    subsets = sorted(
        combinations(range(len(names)), FEWEST_NODES), key=lambda subset: -sum(touched[place] for place in subset)
    )
    for subset in subsets:
        fewer = on_nodes(story, [names[place] for place in subset])
        yield from (fewer, *_with_fates(fewer, NODE_FATES - 1, (0.0,)))


def on_nodes(story: Story, kept: Sequence[str]) -> Story:
    """The same on these nodes alone, which get the first names. Faults hit what is left of what they hit; processes go
    on speaking to the same node, and those of other nodes to the first one."""
    experiment = story.experiment
    new_names = {name: f"n{number}" for number, name in enumerate(kept, start=1)}
    faults = [
        replace(fault, exact=exact)
        for fault in story.script.faults
        if (exact := _exact_on(fault.exact or {}, new_names)) is not None
    ]
    fewer = msgspec.structs.replace(experiment, nodes=len(kept))
    processes = _Processes(experiment, fewer, [experiment.node_names.index(name) for name in kept])
    operations = [
        msgspec.structs.replace(operation, process=processes.new(int(operation.process)))
        for operation in story.script.operations
    ]
    return Story(fewer, Script(tuple(faults), tuple(operations)))


@dataclass(frozen=True)
class _Processes:
    """Processes keep to node p mod n: so does the one that takes a process's place."""

    before: Experiment
    after: Experiment
    kept: Sequence[int]
    """Places of nodes."""

    def new(self, process: int) -> int:
        workloads = len(self.before.workload)
        process %= self.before.processes * workloads
        lap, place = divmod(process, self.before.nodes)
        new_place = self.kept.index(place) if place in self.kept else 0
        count = self.after.processes * workloads
        return (lap * self.after.nodes + new_place) % count


def _exact_on(exact: Mapping[str, Any], names: Mapping[str, str]) -> Mapping[str, Any] | None:
    """The details of a fault on fewer nodes; None where nothing is left to hit."""
    left = dict(exact)
    if "nodes" in exact:
        left["nodes"] = [names[node] for node in exact["nodes"] if node in names]
    if "groups" in exact:
        groups = [[names[node] for node in group if node in names] for group in exact["groups"]]
        left["groups"] = [group for group in groups if group]
    if "links" in exact:
        left["links"] = [
            [names[node] for node in link] for link in exact["links"] if all(node in names for node in link)
        ]
    empty = any(name in left and not left[name] for name in ("nodes", "links")) or len(left.get("groups", (0, 0))) < 2
    return None if empty else left
