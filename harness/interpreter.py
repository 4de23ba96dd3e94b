"""The interpreter: asks a generator what to do, has processes do it, and records what came of it.

Each thread is a coroutine that waits for an invocation, calls its process's client, and records the completion. One
more coroutine, `run` itself, is the only one that asks the generator: whenever something completed or an operation
falls due, it issues all that is due to threads that are free. Two rules make the record evidence:

- an invocation is recorded before its thread hears of it, so before any request is sent;
- a completion is recorded when the client's call returns, so after the answer has come.

After an unknown outcome, and after a client raised, the process's number p is retired, its client closed, and
p + concurrency takes over with a client of its own. Clients that were not retired live on from one `run` to the next
(a session goes on into the final reads), and are closed by `close`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from checkers.events import NEMESIS, EventType
from harness.client import Client, ClientFactory, Completion, Invocation, is_read_only, keys_of
from harness.generator import Context, Dice, Generator, Source, lift
from harness.generator.base import NS
from harness.recorder import Recorder
from harness.world import Future, World

Log = Callable[[str, BaseException | None], None]
"""A line for the harness's log, with what was raised."""


def silent(message: str, error: BaseException | None) -> None:
    """The log of those who do not want to hear."""


class Stuck(AssertionError):
    """The generator waits for something that cannot come: a mistake in the generator."""


class Interpreter:
    """`concurrency` threads over one recorder. `nemesis`: a client for the process "nemesis", for generators that
    have operations for it (runs whose faults come from a queue of commands have none)."""

    def __init__(
        self,
        world: World,
        factory: ClientFactory,
        recorder: Recorder,
        *,
        concurrency: int,
        call_timeout_s: float = 5.0,
        nemesis: Client | None = None,
        log: Log = silent,
    ) -> None:
        assert concurrency >= 1
        self._world = world
        self._recorder = recorder
        self.concurrency: Final = concurrency
        self._call_timeout_ns = round(call_timeout_s * NS)
        self._threads = [_Thread(self, world, factory, number, log) for number in range(concurrency)]
        if nemesis is not None:
            self._threads.append(_Thread(self, world, factory, concurrency, log, nemesis))
        self._processes = tuple(thread.process for thread in self._threads)
        self._everyone = self._free = (1 << len(self._threads)) - 1
        self._generator: Generator = lift(None)
        self._seed = world.random("generator").getrandbits(64)
        self._issued = 0
        self._keys: dict[str, None] = {}
        self._running = False
        self._begun = False
        self._stopping = False
        self._changed = False
        self._wake: Future[None] | None = None
        self._failure: BaseException | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that an operation was issued for, the oldest first."""
        return tuple(self._keys)

    @property
    def issued(self) -> int:
        """How many operations were issued."""
        return self._issued

    @property
    def in_flight(self) -> int:
        """How many operations have not completed."""
        return (self._everyone & ~self._free).bit_count()

    async def run(self, source: Source) -> None:
        """Issues the generator's operations until it is exhausted or `stop` is called, then waits for those in
        flight, at most for the call timeout; what has not completed by then is recorded as unknown.

        One run at a time. Raises CannotRun where the history cannot be written, Stuck, and what the generator
        raises."""
        assert not self._running, "one run at a time"
        self._running, self._begun, self._generator = True, True, lift(source)
        tasks = [self._world.spawn(thread.serve(), name=f"thread-{thread.number}") for thread in self._threads]
        try:
            await self._issue_all()
            await self._drain()
        finally:
            self._running, self._stopping = False, False
            for task in tasks:
                task.cancel()

    def stop(self) -> None:
        """Ends the run that is going on, in order: nothing more is issued, what is in flight is awaited. Before the
        first run: that one issues nothing. Runs after it are not touched, nor is anything between two runs."""
        if self._running or not self._begun:
            self._stopping = True
            self.changed()

    async def close(self) -> None:
        """Closes all clients."""
        for thread in self._threads:
            await thread.close_client()

    # The issuing side.

    async def _issue_all(self) -> None:
        while not self._stopping:
            context = self._context()
            step = self._generator.next(context)
            if step is None:
                return
            if not isinstance(step, tuple):
                await self._wait(step.until)
            elif step[0].time > context.time:
                await self._wait(step[0].time)
            else:
                invocation, self._generator = step
                self._issue(invocation, context)

    def _issue(self, invocation: Invocation, context: Context) -> None:
        thread = self._threads[context.thread_of(invocation.process)]
        assert thread.process == invocation.process, f"{invocation} is for a process that is gone"
        assert self._free >> thread.number & 1, f"{invocation} is for a process that is busy"
        self._free &= ~(1 << thread.number)
        self._issued += 1
        for key in keys_of(invocation.f, invocation.key, invocation.value):
            self._keys[key] = None
        event = self._recorder.record(
            process=invocation.process,
            type=EventType.INVOKE,
            f=invocation.f,
            key=invocation.key,
            value=invocation.value,
            read=invocation.read,
        )
        self._generator = self._generator.update(self._context(), event)
        thread.give(invocation)

    async def _drain(self) -> None:
        deadline = self._world.now() + self._call_timeout_ns
        while self.in_flight and self._world.now() < deadline:
            await self._wait(deadline)
        for thread in self._threads:
            if not self._free >> thread.number & 1:
                await thread.abandon()

    async def _wait(self, until: int | None) -> None:
        """Until something has changed, or this time (ns) has come."""
        if until is None and not self.in_flight and not self._changed:
            raise Stuck(f"the generator is pending and nothing is in flight: {self._generator}")
        if not self._changed:
            await self._sleep(until)
        self._changed = False
        if self._failure is not None:
            raise self._failure

    async def _sleep(self, until: int | None) -> None:
        self._wake = self._world.future()
        try:
            if until is None:
                await self._wake
                return
            async with self._world.timeout((until - self._world.now()) / NS):
                await self._wake
        except TimeoutError:
            pass
        finally:
            self._wake = None

    def _context(self) -> Context:
        dice = Dice(self._seed, self._issued)
        return Context(self._world.now(), self._free, self._everyone, self._processes, self.concurrency, dice)

    # What threads say.

    def completed(self, invocation: Invocation, completion: Completion) -> None:
        """Records what came of an invocation. The thread is not free yet."""
        event = self._recorder.record(
            process=invocation.process,
            type=completion.type,
            f=invocation.f,
            key=invocation.key,
            value=invocation.value if completion.value is None else completion.value,
            actual=completion.actual,
            node=completion.node,
            error=completion.error,
            log_index=completion.log_index,
            min_index=completion.min_index,
            session=completion.session,
            read=invocation.read,
        )
        self._generator = self._generator.update(self._context(), event)

    def freed(self, number: int) -> None:
        """The thread is ready for its next invocation, perhaps as another process."""
        self._free |= 1 << number
        thread = self._threads[number]
        if thread.process != self._processes[number]:
            self._processes = tuple(thread.process for thread in self._threads)
        self.changed()

    def failed(self, error: BaseException) -> None:
        """The harness itself broke: the run ends with this."""
        self._failure = error
        self.changed()

    def changed(self) -> None:
        """It is time to look again."""
        self._changed = True
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


class _Thread:
    """Plays one process after another. `invocation` is what it is doing, None when it is idle."""

    def __init__(
        self,
        interpreter: Interpreter,
        world: World,
        factory: ClientFactory,
        number: int,
        log: Log,
        nemesis: Client | None = None,
    ) -> None:
        self.number = number
        self.process: int | str = number if nemesis is None else NEMESIS
        self._interpreter = interpreter
        self._world = world
        self._factory = factory
        self._log = log
        self._client = nemesis
        self._invocation: Invocation | None = None
        self._given: Future[None] = world.future()

    def give(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._given.set_result(None)

    async def serve(self) -> None:
        """Does what it is given, one after the other, until it is cancelled."""
        try:
            while True:
                await self._given
                self._given = self._world.future()
                assert self._invocation is not None
                await self._do(self._invocation)
        except Exception as error:  # a client's are caught where it is called
            self._interpreter.failed(error)

    async def abandon(self) -> None:
        """Gives up on what is in flight: an operation whose outcome nobody will wait for any more, or a client that
        takes long to close."""
        if self._invocation is None:
            self._interpreter.freed(self.number)
            return
        completion = Completion(type=unheard(self._invocation), error="abandoned: in flight when the run ended")
        await self._complete(self._invocation, completion, retire=True)

    async def close_client(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        try:
            await client.close()
        except Exception as error:
            self._log(f"a client of thread {self.number} could not be closed", error)

    async def _do(self, invocation: Invocation) -> None:
        completion, healthy = await self._call(invocation)
        if self._invocation is invocation:  # else it was abandoned
            retire = completion.type is EventType.INFO or not healthy
            await self._complete(invocation, completion, retire)

    async def _call(self, invocation: Invocation) -> tuple[Completion, bool]:
        """What came of it, and whether the client can be used again."""
        try:
            if self._client is None:
                assert isinstance(self.process, int)
                self._client = self._factory(self._world, self.process)
            return await self._client.invoke(invocation), True
        except Exception as error:
            self._log(f"process {self.process} raised in {invocation.f} of {invocation.key}", error)
            what = f"exception: {type(error).__name__}: {error}"
            return Completion(type=unheard(invocation), error=what), False

    async def _complete(self, invocation: Invocation, completion: Completion, retire: bool) -> None:
        self._interpreter.completed(invocation, completion)
        self._invocation = None
        if retire and isinstance(self.process, int):
            self.process += self._interpreter.concurrency
            await self.close_client()
        self._interpreter.freed(self.number)


def unheard(invocation: Invocation) -> EventType:
    """The outcome of an operation whose answer never came: a read certainly did nothing."""
    return EventType.FAIL if is_read_only(invocation.f, invocation.value) else EventType.INFO
