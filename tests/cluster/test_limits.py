"""Limits of containers: what is believed of what the control group shows, and of an engine that refuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from harness.cluster import Evidence, Finished, Node
from harness.cluster.limits import HEADROOM_BYTES, ContainerLimits, Group, parsed
from harness.errors import CannotRun
from harness.world.virtual import VirtualWorld

MACHINE_KIB = 8_000_000
MACHINE_BYTES = MACHINE_KIB * 1024
USED_BYTES = 50_000_000


@dataclass
class Container:
    """A node's control group, set by an engine, and a server in it. What is wrong with it is said by the test."""

    world: VirtualWorld
    quota: int = -1
    limit: int = MACHINE_BYTES
    throttled: int = 7
    kills: int = 0
    server: bool = True
    idle: bool = False
    """It uses so little that no quota is ever used up."""
    roomy: bool = False
    """There is memory for everybody."""
    clinging: bool = False
    """Limits are not taken away."""
    refusing: bool = False
    commands: list[str] = field(default_factory=list)

    async def run(self, command: str, *, input: bytes = b"", timeout_s: float = 10.0) -> Finished:
        await self.world.sleep(0.01)
        self.commands.append(command)
        return Finished(0, self._answer(command), "")

    async def read_file(self, path: str) -> bytes:
        raise AssertionError("limits read no files")

    async def write_file(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        raise AssertionError("limits write no files")

    def _answer(self, command: str) -> str:
        if "MemTotal" in command:
            self.throttled += 1 if self.quota > 0 and not self.idle else 0
            return f"{self.quota} {self.throttled} {self.limit} {USED_BYTES} {self.kills} {MACHINE_KIB}\n"
        if "hunger.pyz take" in command:
            ends = self.limit < MACHINE_BYTES and not self.roomy
            self.kills, self.server = (self.kills + 1, False) if ends else (self.kills, self.server)
            return '{"taken_bytes": 0}\n'
        assert "status" in command, command
        return "S\n" if self.server else ""

    async def update(self, node: Node, **limits: int) -> None:
        if self.refusing:
            raise CannotRun("Docker could not limit node n1: no such container.")
        if "cpu_quota" in limits and not (self.clinging and limits["cpu_quota"] == -1):
            self.quota = limits["cpu_quota"]
        if "mem_limit" in limits and not (self.clinging and limits["mem_limit"] == MACHINE_BYTES):
            self.limit = limits["mem_limit"]


class Restarting:
    """Processes, as far as they are started again."""

    def __init__(self, container: Container) -> None:
        self._container = container

    async def restart(self, names: object, *, prove: bool = True) -> Evidence:
        self._container.server = True
        return Evidence(effective=True, details={"n1": {"pid": 200}})


class PidOf:
    def __init__(self, container: Container) -> None:
        self._container = container

    async def pid(self, node: Node) -> int | None:
        return 100 if self._container.server else None


Act = Callable[[ContainerLimits], Awaitable[Evidence]]


def outcome(container: Container, *acts: Act) -> Evidence:
    """Of the last of them; the others go well."""
    world = container.world
    node = Node("n1", "127.0.0.1", 1, "10.0.0.1:7000", container)
    limits = ContainerLimits(world, [node], PidOf(container), Restarting(container), container.update)  # type: ignore[arg-type]

    async def work() -> Evidence:
        for act in acts[:-1]:
            done = await act(limits)
            assert done.effective, done.trouble
        return await acts[-1](limits)

    return world.run(work())


def starve(limits: ContainerLimits) -> Awaitable[Evidence]:
    return limits.limit_cpu(["n1"], 0.05)


def feed(limits: ContainerLimits) -> Awaitable[Evidence]:
    return limits.unlimit_cpu(["n1"])


def exhaust(limits: ContainerLimits) -> Awaitable[Evidence]:
    return limits.limit_memory(["n1"])


def relieve(limits: ContainerLimits) -> Awaitable[Evidence]:
    return limits.unlimit_memory(["n1"])


def verify(limits: ContainerLimits) -> Awaitable[Evidence]:
    return limits.verify_healed()


@pytest.mark.parametrize(
    ("printed", "group"),
    [
        (
            "5000 12 25276510208 40000000 3 24684092\n",
            Group(
                quota_us=5000,
                throttled=12,
                limit_bytes=25276510208,
                used_bytes=40_000_000,
                oom_kills=3,
                machine_bytes=24684092 * 1024,
            ),
        ),
        (
            "max 0 max 1 0 1000\n",
            Group(
                quota_us=None, throttled=0, limit_bytes=1_024_000, used_bytes=1, oom_kills=0, machine_bytes=1_024_000
            ),
        ),
    ],
)
def test_what_control_groups_say(printed: str, group: Group) -> None:
    """Of the first and of the second version."""
    assert parsed(printed) == group
    assert not group.memory_limited


def test_a_quota_is_believed_when_it_has_been_used_up() -> None:
    container = Container(VirtualWorld(0))
    begun = outcome(container, starve)
    assert begun.effective, begun.trouble
    assert begun.details["n1"]["quota_us"] == 5000
    assert begun.details["n1"]["throttled"] > 0
    assert "still limited" in str(outcome(container, verify).trouble)
    assert outcome(container, feed, verify).effective


def test_memory_is_believed_to_be_used_up_when_the_kernel_has_ended_the_server() -> None:
    container = Container(VirtualWorld(0))
    begun = outcome(container, exhaust)
    assert begun.details["n1"] == {
        "pid": 100,
        "state": "gone",
        "limit_bytes": USED_BYTES + HEADROOM_BYTES,
        "oom_kills": 1,
    }
    assert "still limited" in str(outcome(container, verify).trouble)
    ended = outcome(container, relieve)
    assert ended.details["n1"] == {"limit_bytes": MACHINE_BYTES, "pid": 200}
    assert outcome(container, verify).effective


@pytest.mark.parametrize(
    ("wrong", "acts", "trouble"),
    [
        ({"idle": True}, [starve], "has not used up its share of 0.05 of a processor"),
        ({"refusing": True}, [starve], "no such container"),
        ({"roomy": True}, [exhaust], "process 100 is in state S though all memory was taken"),
        ({"server": False}, [exhaust], "no server process runs there"),
        ({"clinging": True}, [starve, feed], "still has only 5000 us of each 100000"),
        ({"clinging": True}, [exhaust, relieve], "memory is still limited to"),
    ],
)
def test_what_is_not_believed(wrong: dict[str, bool], acts: list[Act], trouble: str) -> None:
    evidence = outcome(Container(VirtualWorld(0), **wrong), *acts)  # type: ignore[arg-type]
    assert not evidence.effective
    assert trouble in str(evidence.trouble)
