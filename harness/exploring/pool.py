"""Trials beside each other: each process takes the next one as soon as it is free."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from types import TracebackType
from typing import Any, Final, Self

from harness.errors import CannotRun
from harness.exploring.trial import Outcome, Trial, run_trial

TICK_S: Final = 0.25

Work = Callable[[Trial], Outcome]


class Pool:
    """`jobs` at a time, in processes of their own; 1: in this one, where `work` may be any function. A context
    manager."""

    def __init__(self, jobs: int | None = None, work: Work = run_trial) -> None:
        self.jobs = jobs or os.cpu_count() or 1
        self._work = work
        self._executor: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        if self.jobs > 1:
            context = get_context("forkserver")
            self._executor = ProcessPoolExecutor(self.jobs, mp_context=context, initializer=_ignore_interrupts)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=kind is None, cancel_futures=True)

    def run(
        self, next_trial: Callable[[], Trial | None], tick: Callable[[], object] = lambda: None
    ) -> Iterator[tuple[Trial, Outcome]]:
        """Each trial with its outcome, in the order in which they end. `next_trial` is asked when there is room for
        one; None: no more, what is under way is awaited. `tick` is called a few times a second at least, where there
        are processes. Raises CannotRun where a process dies."""
        if self._executor is None:
            while (trial := next_trial()) is not None:
                tick()
                yield trial, self._work(trial)
            return
        yield from self._beside_each_other(self._executor, next_trial, tick)

    def _beside_each_other(
        self, executor: ProcessPoolExecutor, next_trial: Callable[[], Trial | None], tick: Callable[[], object]
    ) -> Iterator[tuple[Trial, Outcome]]:
        under_way: dict[Future[Outcome], Trial] = {}
        more = True
        try:
            while more or under_way:
                while more and len(under_way) < self.jobs:
                    trial = next_trial()
                    more = trial is not None
                    if trial is not None:
                        under_way[executor.submit(self._work, trial)] = trial
                done = wait(under_way, TICK_S, FIRST_COMPLETED).done if under_way else set()
                tick()
                for future in sorted(done, key=lambda future: under_way[future].number):
                    yield under_way.pop(future), future.result()
        except BrokenProcessPool as error:
            raise CannotRun("A process that simulates has died: perhaps there is too little memory.") from error


def _ignore_interrupts() -> None:
    """Ctrl-C goes to every process of the terminal: whoever started this one says when it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def interruptible(say: Callable[[str], Any]) -> Iterator[Callable[[], bool]]:
    """Gives a function that says whether somebody wants it to end: after the first Ctrl-C or SIGTERM. The second raises
    KeyboardInterrupt."""
    stopping = False

    def stop(number: int, frame: Any) -> None:
        nonlocal stopping
        if stopping:
            raise KeyboardInterrupt
        stopping = True
        say("stopping: what is under way ends (again: stop at once)")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
