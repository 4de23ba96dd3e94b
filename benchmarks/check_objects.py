"""Queues, stacks and sets: the log-linear algorithms at growing lengths, and the general search beside them.

    python -m benchmarks.check_objects [OPERATIONS ...]

Ten clients at one object that works: each operation takes effect at a random moment while it is open, one in a hundred
dequeues and pops has no answer, and no element comes twice. Seconds are the process's own (CPU) time, without making
the history. Where the time for twice the operations is a little more than twice as long, it grows log-linearly. The
general search gets such histories too, shorter ones, and at most 10 seconds for each.
"""

from __future__ import annotations

import random
import sys
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from checkers.checker import Budget, OutOfTime
from checkers.events import Event, EventType
from checkers.history import History, Operation
from checkers.models import MODELS
from checkers.models.model import read_actions
from checkers.objects import check_object
from checkers.objects.search import search

SIZES: Final = (25_000, 50_000, 100_000, 200_000)
SIZES_OF_SEARCH: Final = (100, 400)
MOST_SECONDS: Final = 10.0
CLIENTS: Final = 10
FUNCTIONS: Final = {
    "fifo-queue": ("enqueue", "dequeue"),
    "unordered-queue": ("enqueue", "dequeue"),
    "stack": ("push", "pop"),
    "set": ("add", "contains"),
}


class Client:
    """One open operation: what it is, whether it took effect, and what it then saw."""

    def __init__(self, process: int, f: str, asked: Any) -> None:
        self.process, self.f, self.asked = process, f, asked
        self.done = False
        self.answer: Any = None


def history(model: str, length: int, seed: int = 1) -> Sequence[Operation]:
    rng = random.Random(seed)
    inside: Any = set() if model == "set" else deque()
    open_: dict[int, Client] = {}
    processes = list(range(CLIENTS))
    events: list[Event] = []
    begun = 0

    def record(client: Client, kind: EventType, value: Any) -> None:
        at = len(events)
        events.append(Event(index=at, time=at * 1000, process=client.process, type=kind, f=client.f, value=value))

    while begun < length or open_:
        at = rng.randrange(CLIENTS)
        client = open_.get(at)
        if client is None:
            if begun < length:
                begun += 1
                adds, looks = FUNCTIONS[model]
                f = rng.choice((adds, looks))
                asked = begun if f == adds else rng.randint(1, begun) if model == "set" else None
                client = open_[at] = Client(processes[at], f, asked)
                record(client, EventType.INVOKE, asked)
        elif not client.done:
            effect(model, client, inside, rng)
        elif client.f in ("dequeue", "pop") and rng.random() < 0.01:
            record(client, EventType.INFO, None)
            processes[at] += CLIENTS
            del open_[at]
        else:
            record(client, EventType.OK, client.answer)
            del open_[at]
    return History(events).operations


def effect(model: str, client: Client, inside: Any, rng: random.Random) -> None:
    client.done = True
    if client.f == "contains":
        client.answer = [client.asked, client.asked in inside]
    elif client.f == "add":
        client.answer = client.asked
        inside.add(client.asked)
    elif client.f in ("enqueue", "push"):
        client.answer = client.asked
        inside.append(client.asked)
    elif inside:
        if model == "unordered-queue":
            inside.rotate(rng.randint(0, 20))
        client.answer = inside.pop() if model == "stack" else inside.popleft()


def fast(model: str, size: int) -> tuple[float, str]:
    operations = history(model, size)
    began = time.process_time()
    result = check_object(model, operations)
    return time.process_time() - began, f"{result.verdict.value} by {result.algorithm}"


def general(model: str, size: int) -> tuple[float, str]:
    actions = MODELS[model].relevant(read_actions(MODELS[model], history(model, size)))
    began = time.process_time()
    budget = Budget(seconds_left=lambda: MOST_SECONDS - (time.process_time() - began))
    try:
        verdict = type(search(MODELS[model], actions, budget)).__name__.lower()
    except OutOfTime:
        verdict = "no answer"
    return time.process_time() - began, f"{verdict} by the general search"


def main(arguments: Sequence[str]) -> None:
    for model in FUNCTIONS:
        for size in map(int, arguments) if arguments else SIZES:
            seconds, said = fast(model, size)
            print(f"{model:16} {size:>8,} operations: {seconds:7.2f} s CPU, {said}", flush=True)
        for size in SIZES_OF_SEARCH:
            seconds, said = general(model, size)
            print(f"{model:16} {size:>8,} operations: {seconds:7.2f} s CPU, {said}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
