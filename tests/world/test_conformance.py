"""What every world keeps to. One suite, run against the real one and the virtual one."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from harness.world import Cancelled, Connection, Disconnected, Unreachable
from harness.world.sync import Event, Lock, Queue
from tests.world.places import PLACES, Place


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Place:
    return PLACES[request.param](7)


# Time


def test_time_begins_at_nothing_and_sleeping_takes_at_least_so_long(place: Place) -> None:
    async def body() -> list[int]:
        times = [place.world.now()]
        await place.world.sleep(place.tick)
        return [*times, place.world.now()]

    began, ended = place.run(body())
    assert 0 <= began < 10**9
    assert ended - began >= place.tick * 1e9 * 0.99


def test_sleepers_wake_in_the_order_of_their_times(place: Place) -> None:
    woken: list[int] = []

    async def sleeper(ticks: int) -> None:
        await place.world.sleep(ticks * place.tick)
        woken.append(ticks)

    async def body() -> None:
        for task in [place.world.spawn(sleeper(ticks), name="sleeper") for ticks in (3, 1, 2)]:
            await task

    place.run(body())
    assert woken == [1, 2, 3]


# Tasks and futures


def test_a_task_gives_its_result_to_all_who_await_it(place: Place) -> None:
    async def work() -> str:
        await place.world.sleep(0)
        return "done"

    async def body() -> list[Any]:
        task = place.world.spawn(work(), name="work")
        return [await task, await task, task.done()]

    assert place.run(body()) == ["done", "done", True]


def test_a_task_raises_where_it_is_awaited(place: Place) -> None:
    async def work() -> None:
        raise ValueError("broken")

    async def body() -> None:
        task = place.world.spawn(work(), name="work")
        with pytest.raises(ValueError, match="broken"):
            await task

    place.run(body())


def test_a_future_wakes_all_its_waiters_and_those_who_come_later(place: Place) -> None:
    async def waiter(future: Any) -> str:
        return await future  # type: ignore[no-any-return]

    async def body() -> list[str]:
        future = place.world.future()
        tasks = [place.world.spawn(waiter(future), name="waiter") for _ in range(3)]
        await place.world.sleep(0)
        future.set_result("x")
        return [*[await task for task in tasks], await future]

    assert place.run(body()) == ["x"] * 4


def test_a_future_raises_its_exception(place: Place) -> None:
    async def body() -> None:
        future = place.world.future()
        future.set_exception(ValueError("no"))
        with pytest.raises(ValueError, match="no"):
            await future

    place.run(body())


def test_cancelling_raises_in_the_task_and_runs_its_finally(place: Place) -> None:
    seen: list[str] = []

    async def work() -> None:
        try:
            await place.world.future()
        except Cancelled:
            seen.append("cancelled")
            raise
        finally:
            seen.append("finally")

    async def body() -> None:
        task = place.world.spawn(work(), name="work")
        await place.world.sleep(0)
        task.cancel()
        with pytest.raises(Cancelled):
            await task
        assert task.done()

    place.run(body())
    assert seen == ["cancelled", "finally"]


def test_one_waiter_that_gives_up_leaves_future_and_task_to_the_others(place: Place) -> None:
    async def work() -> str:
        await place.world.sleep(2 * place.tick)
        return "done"

    async def impatient(awaited: Any) -> str:
        async with place.world.timeout(place.tick):
            return await awaited  # type: ignore[no-any-return]

    async def body() -> list[str]:
        task, future = place.world.spawn(work(), name="work"), place.world.future()
        for awaited in (task, future):
            with pytest.raises(TimeoutError):
                await impatient(awaited)
        future.set_result("set")
        return [await task, await future]

    assert place.run(body()) == ["done", "set"]


# Timeouts


def test_timeout_lets_pass_what_is_quick_enough(place: Place) -> None:
    async def body() -> str:
        async with place.world.timeout(50 * place.tick):
            await place.world.sleep(place.tick)
        await place.world.sleep(place.tick)
        return "passed"

    assert place.run(body()) == "passed"


def test_the_inner_of_two_timeouts_is_told_apart_from_the_outer(place: Place) -> None:
    async def body() -> list[str]:
        seen: list[str] = []
        with suppress(TimeoutError):
            async with place.world.timeout(2 * place.tick):
                try:
                    async with place.world.timeout(place.tick):
                        await place.world.future()
                except TimeoutError:
                    seen.append("inner")
                await place.world.future()
                seen.append("never")
        seen.append("outer")
        return seen

    assert place.run(body()) == ["inner", "outer"]


def test_cancelling_from_outside_is_no_timeout(place: Place) -> None:
    async def work() -> None:
        async with place.world.timeout(100 * place.tick):
            await place.world.future()

    async def body() -> None:
        task = place.world.spawn(work(), name="work")
        await place.world.sleep(0)
        task.cancel()
        with pytest.raises(Cancelled):
            await task

    place.run(body())


def test_timeout_keeps_what_the_body_raises(place: Place) -> None:
    async def body() -> None:
        with pytest.raises(KeyError):
            async with place.world.timeout(place.tick):
                raise KeyError("own")

    place.run(body())


# Chance


def test_streams_depend_on_seed_and_name_alone(place: Place) -> None:
    first = [place.world.random("nemesis").random() for _ in range(2)]
    place.world.random("other").random()
    assert first == [place.world.random("nemesis").random()] * 2
    assert first == [PLACES["virtual"](7).world.random("nemesis").random()] * 2
    assert first[0] != place.world.random("Nemesis").random()
    assert first[0] != PLACES["virtual"](8).world.random("nemesis").random()


# Connections


async def echo(connection: Connection) -> None:
    with suppress(Disconnected):
        connection.send(b"hello\n")
        while True:
            connection.send(await connection.receive())


def test_lines_come_back_whole_and_in_order(place: Place) -> None:
    lines = [b"hello\n", b"one\n", b"carriage\r return\n", b"\n", b"x" * 300_000 + b"\n", b"last\n"]

    async def body() -> list[bytes]:
        host, port, die = await place.listen(echo)
        connection = await place.world.connect(host, port, timeout_s=5)
        for line in lines[1:]:
            connection.send(line)
        answers = [await connection.receive() for _ in lines]
        connection.close()
        die()
        return answers

    assert place.run(body()) == lines


def test_bytes_come_as_they_are_wherever_lines_end(place: Place) -> None:
    async def speak(connection: Connection) -> None:
        with suppress(Disconnected):
            connection.send(b"one\ntw")
            await connection.receive_some()
            connection.send(b"o")
            await connection.receive_some()

    async def body() -> list[bytes]:
        host, port, die = await place.listen(speak)
        connection = await place.world.connect(host, port, timeout_s=5)
        first = await connection.receive_some()
        connection.send(b"go on")
        second = await connection.receive_some()
        die()
        with pytest.raises(Disconnected):
            await connection.receive_some()
        return [first, second]

    assert place.run(body()) == [b"one\ntw", b"o"]


def test_nobody_listening_is_unreachable(place: Place) -> None:
    async def body() -> None:
        with pytest.raises(Unreachable):
            await place.world.connect("127.0.0.1", place.free_port(), timeout_s=5)

    place.run(body())


def test_a_dead_server_breaks_connections_after_what_it_sent(place: Place) -> None:
    async def body() -> list[bytes]:
        host, port, die = await place.listen(echo)
        connection = await place.world.connect(host, port, timeout_s=5)
        hello = await connection.receive()
        die()
        with pytest.raises(Disconnected):
            await connection.receive()
        with pytest.raises(Disconnected):
            connection.send(b"anyone?\n")
        with pytest.raises(Unreachable):
            await place.world.connect(host, port, timeout_s=5)
        return [hello]

    assert place.run(body()) == [b"hello\n"]


def test_a_closed_connection_wakes_its_reader(place: Place) -> None:
    async def read(connection: Connection) -> None:
        with pytest.raises(Disconnected):
            await connection.receive()

    async def silence(connection: Connection) -> None:
        with suppress(Disconnected):
            await connection.receive()

    async def body() -> None:
        host, port, die = await place.listen(silence)
        connection = await place.world.connect(host, port, timeout_s=5)
        reader = place.world.spawn(read(connection), name="reader")
        await place.world.sleep(0)
        connection.close()
        await reader
        die()

    place.run(body())


def test_receiving_may_time_out_and_be_tried_again(place: Place) -> None:
    async def slow(connection: Connection) -> None:
        await place.world.sleep(2 * place.tick)
        connection.send(b"late\n")
        with suppress(Disconnected):
            await connection.receive()

    async def body() -> bytes:
        host, port, die = await place.listen(slow)
        connection = await place.world.connect(host, port, timeout_s=5)
        with pytest.raises(TimeoutError):
            async with place.world.timeout(place.tick):
                await connection.receive()
        line = await connection.receive()
        connection.close()
        die()
        return line

    assert place.run(body()) == b"late\n"


# Queues, events, locks


def test_queue_serves_getters_in_the_order_they_came(place: Place) -> None:
    got: list[tuple[str, int]] = []

    async def getter(queue: Queue[int], name: str) -> None:
        got.append((name, await queue.get()))

    async def body() -> None:
        queue: Queue[int] = Queue(place.world)
        tasks = [place.world.spawn(getter(queue, name), name=name) for name in "abc"]
        await place.world.sleep(0)
        for item in range(4):
            queue.put(item)
        for task in tasks:
            await task
        assert len(queue) == 1

    place.run(body())
    assert got == [("a", 0), ("b", 1), ("c", 2)]


def test_a_getter_that_is_cancelled_when_woken_loses_nothing(place: Place) -> None:
    async def body() -> int:
        queue: Queue[int] = Queue(place.world)
        first, second = (place.world.spawn(queue.get(), name="getter") for _ in range(2))
        await place.world.sleep(0)
        queue.put(1)
        first.cancel()
        return await second

    assert place.run(body()) == 1


def test_event_wakes_all_and_stays_set(place: Place) -> None:
    async def body() -> list[bool]:
        event = Event(place.world)
        tasks = [place.world.spawn(event.wait(), name="waiter") for _ in range(3)]
        await place.world.sleep(0)
        event.set()
        event.clear()
        for task in tasks:
            await task
        event.set()
        await event.wait()
        return [event.is_set()]

    assert place.run(body()) == [True]


def test_lock_lets_one_in_at_a_time(place: Place) -> None:
    inside: list[str] = []

    async def enter(lock: Lock, name: str) -> None:
        async with lock:
            inside.append(f"{name} in")
            await place.world.sleep(0)
            inside.append(f"{name} out")

    async def body() -> bool:
        lock = Lock(place.world)
        tasks = [place.world.spawn(enter(lock, name), name=name) for name in "abc"]
        for task in tasks:
            await task
        return lock.locked()

    assert place.run(body()) is False
    assert inside == [f"{name} {way}" for name in "abc" for way in ("in", "out")]
