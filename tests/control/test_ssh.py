"""The control line, over a real SSH daemon in a container."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import uuid4

import pytest

from harness.cluster import Finished
from harness.cluster.docker import DockerCluster
from harness.control.keys import generate
from harness.control.ssh import Endpoint, SshControl
from harness.errors import ControlError

Use = Callable[[SshControl], Awaitable[None]]


@pytest.mark.docker
def test_control(node_image: str) -> None:
    """One container for all of it: bringing it up takes longer than everything that is tried."""

    async def main() -> None:
        cluster = DockerCluster(f"test-{uuid4().hex[:8]}", ["n1"], image=node_image)
        try:
            await cluster.up()
            [node] = cluster.nodes
            assert isinstance(node.control, SshControl)
            for use in (commands, files, many_at_once, time_limits, wrong_keys, a_broken_line, closing):
                await use(node.control)
        finally:
            await cluster.down()

    asyncio.run(main())


async def commands(control: SshControl) -> None:
    for command, given, finished in (
        ("echo out; echo err >&2; exit 3", b"", Finished(3, "out\n", "err\n")),
        ("cat", "pïped".encode(), Finished(0, "pïped", "")),
        ("printf '\\377'", b"", Finished(0, "�", "")),
        ("true", b"nobody reads this" * 100_000, Finished(0, "", "")),
        ("wc -c", b"x" * 3_000_000, Finished(0, "3000000\n", "")),
        ("kill -9 $$", b"", Finished(-1, "", "")),
        ("head -c 3000000 /dev/zero | tr '\\0' e >&2; echo out", b"", Finished(0, "out\n", "e" * 3_000_000)),
        # A server that is left running does not hold the line.
        ("setsid sleep 60 < /dev/null > /dev/null 2>&1 & echo gone", b"", Finished(0, "gone\n", "")),
    ):
        assert await control.run(command, input=given) == finished, command


async def files(control: SshControl) -> None:
    content = bytes(range(256)) * 10_000
    await control.write_file("/tmp/a file's name", content, mode=0o600)
    assert await control.read_file("/tmp/a file's name") == content
    assert (await control.run("stat -c '%a' /tmp/a*; rm /tmp/a*")).stdout == "600\n"
    with pytest.raises(ControlError, match=r"Node n1 could not be controlled: could not read /nowhere: .*No such file"):
        await control.read_file("/nowhere")
    with pytest.raises(ControlError, match="could not write /nowhere/x"):
        await control.write_file("/nowhere/x", b"")


async def many_at_once(control: SshControl) -> None:
    """Short commands, with and without input, on one line: none breaks it for the others."""
    line = control._transport
    for input in (b"", b"nobody reads this") * 5:
        finished = await asyncio.gather(*(control.run(f"echo {number}", input=input) for number in range(30)))
        assert [each.stdout for each in finished] == [f"{number}\n" for number in range(30)]
    assert control._transport is line


async def time_limits(control: SshControl) -> None:
    began = time.monotonic()
    with pytest.raises(ControlError, match=r"n1 .*`sleep 60` did not end within 0\.2 s"):
        await control.run("sleep 60", timeout_s=0.2)
    with pytest.raises(ControlError, match="did not end within"):
        await control.run("sleep 60 < /dev/null", input=b"x" * 50_000_000, timeout_s=0.2)
    assert time.monotonic() - began < 30
    assert (await control.run("echo fine")).stdout == "fine\n"


async def wrong_keys(control: SshControl) -> None:
    """Another host's key, and a client key that is not admitted."""
    endpoint = control._endpoint
    for changed, complaint in (
        (replace(endpoint, host_keys=(generate(),)), "[Hh]ost key"),
        (replace(endpoint, client_keys=(generate(),)), "[Aa]uthentication"),
    ):
        stranger = SshControl(changed)
        with pytest.raises(ControlError, match=f"Node n1 could not be controlled.*{complaint}"):
            await stranger.run("true")
        await stranger.close()


async def a_broken_line(control: SshControl) -> None:
    """The command under which it broke fails; the next one dials again."""
    with pytest.raises(ControlError, match="Node n1 could not be controlled"):
        await control.run("kill -9 $(ps -o ppid= -p $$); sleep 60")
    assert (await control.run("echo back")).stdout == "back\n"


async def closing(control: SshControl) -> None:
    running = asyncio.ensure_future(control.run("sleep 60", timeout_s=60))
    await control.run("until pgrep -x sleep; do :; done")
    await control.close()
    await control.close()
    with pytest.raises(ControlError):
        await running
    with pytest.raises(ControlError, match="the line is closed"):
        await control.run("true")


def test_nobody_there() -> None:
    async def main() -> None:
        control = SshControl(Endpoint("n9", "127.0.0.1", 1, (generate(),), (generate(),)))
        with pytest.raises(ControlError, match=r"Node n9 could not be controlled: .*refused"):
            await control.run("true")
        with pytest.raises(ControlError, match="Node n9 could not be controlled"):
            await control.connect(timeout_s=0.1)
        await control.close()

    asyncio.run(main())
