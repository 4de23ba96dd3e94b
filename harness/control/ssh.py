"""Control over SSH: one connection to a node, held open; each command is a channel on it.

paramiko blocks, so a small pool of threads stands between it and the event loop. Opening a channel takes a
millisecond or two, where a new connection (or `docker exec`) takes a hundred. A connection that broke is dialled anew
by the next command; the command that it broke under is not run again, since it may have done its work.

**What is sent late breaks the line.** When a command ends, the server closes its channel and paramiko answers that.
Input, or its end, that another thread is about to send then goes out after that answer; the daemon takes it for a
violation of the protocol and hangs up on everybody ("ieof packet referred to nonexistent channel"). It needs a busy
machine and short commands. So a command without input gets none, not even its end; and one with input ends only when
all of it has arrived (`_script`).

Nothing of paramiko's leaks: every failure is a ControlError that names the node, and its log goes to raftstorm's.
"""

from __future__ import annotations

import asyncio
import logging
import shlex
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from itertools import count
from typing import Final, TypeVar

import paramiko

from harness.cluster import Finished
from harness.control.dial import LOG, Endpoint, Refused, dial, left
from harness.errors import ControlError

T = TypeVar("T")

THREADS: Final = 8
"""Commands at once on one node; more wait in line."""
DIAL_TIMEOUT_S: Final = 10.0
FILE_TIMEOUT_S: Final = 120.0
_AGAIN_S: Final = 0.04
_CHUNK_BYTES: Final = 1 << 18
_WINDOW_BYTES: Final = 1 << 24
"""How much of a command's output may be on its way. A command that says more than this on stderr while its stdout is
still open stands still until its time is up."""

logging.getLogger(LOG).addHandler(logging.NullHandler())
# Each failure comes as an exception too; what is logged are tracebacks of dialling before the daemon listens.
logging.getLogger(LOG).setLevel(logging.CRITICAL)


class SshControl:
    """A `Control`. `connect` is optional: the first command dials as well."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=f"ssh-{endpoint.name}")
        self._dialling = threading.Lock()
        self._transport: paramiko.Transport | None = None
        self._closed = False
        self._names = count(1)

    @property
    def name(self) -> str:
        """The node's."""
        return self._endpoint.name

    async def connect(self, *, timeout_s: float = DIAL_TIMEOUT_S) -> None:
        """Dials until the daemon answers: for a node that is only just starting. Raises ControlError."""
        await self._in_thread(lambda: self._dial_until(time.monotonic() + timeout_s))

    async def run(self, command: str, *, input: bytes = b"", timeout_s: float = 10.0) -> Finished:
        code, stdout, stderr = await self._execute(command, input, timeout_s)
        return Finished(code, stdout.decode(errors="replace"), stderr.decode(errors="replace"))

    async def read_file(self, path: str) -> bytes:
        """Raises ControlError also where there is no such file."""
        code, stdout, stderr = await self._execute(f"cat {shlex.quote(path)}", b"", FILE_TIMEOUT_S)
        self._check_file(f"read {path}", code, stderr)
        return stdout

    async def write_file(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Replaces the file at once: no reader ever sees half of it."""
        scratch, target = shlex.quote(f"{path}.new{next(self._names)}"), shlex.quote(path)
        command = f"cat > {scratch} && chmod {mode:o} {scratch} && mv -f {scratch} {target}"
        code, _, stderr = await self._execute(command, data, FILE_TIMEOUT_S)
        self._check_file(f"write {path}", code, stderr)

    async def upload(self, path: str, data: bytes) -> None:
        """By SFTP, as the user who logs in (`run` may have become another)."""
        await self._in_thread(lambda: self._upload(path, data))

    async def close(self) -> None:
        """Hangs up. Commands that still run end with ControlError. Safe to call twice."""
        self._closed = True
        # Not in the pool, whose threads may all be waiting for the very connection that is to be closed.
        await asyncio.to_thread(self._hang_up)

    # From here on: in threads.

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._closed:
            raise self._error("the line is closed")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._told, work)

    def _told(self, work: Callable[[], T]) -> T:
        """Every way in which SSH can fail, as a ControlError. paramiko is not shy of EOFError and bare Exception."""
        try:
            return work()
        except ControlError:
            raise
        except Refused as error:
            raise self._error(str(error)) from error
        except TimeoutError as error:
            raise self._error("did not answer in time") from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise self._error(f"the SSH connection broke ({str(error) or type(error).__name__})") from error

    def _error(self, trouble: str) -> ControlError:
        return ControlError(f"Node {self._endpoint.name} could not be controlled: {trouble}.")

    def _check_file(self, doing: str, code: int, stderr: bytes) -> None:
        if code != 0:
            raise self._error(f"could not {doing}: {stderr.decode(errors='replace').strip() or f'exit code {code}'}")

    async def _execute(self, command: str, data: bytes, timeout_s: float) -> tuple[int, bytes, bytes]:
        return await self._in_thread(lambda: self._run(command, data, timeout_s))

    def _run(self, command: str, data: bytes, timeout_s: float) -> tuple[int, bytes, bytes]:
        deadline = time.monotonic() + timeout_s
        try:
            with self._channel(deadline) as channel:
                channel.exec_command(self._shell(command, data))
                if data:
                    _send(channel, data, deadline)
                stdout = b"".join(_read(channel, channel.recv, deadline))
                stderr = b"".join(_read(channel, channel.recv_stderr, deadline))
                return _exit_code(channel, deadline), stdout, stderr
        except TimeoutError as error:
            raise self._error(f"`{_short(command)}` did not end within {timeout_s:g} s") from error

    def _upload(self, path: str, data: bytes) -> None:
        deadline = time.monotonic() + FILE_TIMEOUT_S
        with self._channel(deadline) as channel:
            try:
                channel.invoke_subsystem("sftp")
                with closing(paramiko.SFTPClient(channel)) as client, client.open(path, "wb") as file:
                    file.set_pipelined(True)
                    file.write(data)
            except PermissionError as error:
                raise self._error(f"{self._endpoint.user} may not write {path}") from error
            except (paramiko.SSHException, EOFError) as error:
                raise self._error(
                    f"{path} could not be sent by SFTP ({error or 'the subsystem sftp ended'})"
                ) from error

    def _shell(self, command: str, data: bytes) -> str:
        script, shell = _script(command, data), self._endpoint.shell
        return f"{shell} {shlex.quote(script)}" if shell else script

    @contextmanager
    def _channel(self, deadline: float) -> Iterator[paramiko.Channel]:
        transport = self._connected(deadline)
        channel = transport.open_session(window_size=_WINDOW_BYTES, timeout=left(deadline))
        try:
            channel.settimeout(left(deadline))
            yield channel
        finally:
            with suppress(EOFError, OSError, paramiko.SSHException):
                channel.close()

    def _connected(self, deadline: float) -> paramiko.Transport:
        with self._dialling:
            if self._transport is None or not self._transport.is_active():
                self._transport = self._dial(min(deadline, time.monotonic() + DIAL_TIMEOUT_S))
            return self._transport

    def _dial_until(self, deadline: float) -> None:
        while True:
            try:
                self._connected(deadline)
                return
            except (paramiko.SSHException, EOFError, OSError) as error:
                # A container's published port accepts, and hangs up, before the daemon listens.
                if isinstance(error, Refused) or time.monotonic() + _AGAIN_S > deadline:
                    raise
                time.sleep(_AGAIN_S)

    def _dial(self, deadline: float) -> paramiko.Transport:
        if self._closed:
            raise self._error("the line is closed")
        return dial(self._endpoint, deadline)

    def _hang_up(self) -> None:
        transport = self._transport
        if transport is not None:
            transport.close()
        self._threads.shutdown(wait=True, cancel_futures=True)


def _script(command: str, data: bytes) -> str:
    """The command such that its channel is not closed while we may still send (see the module)."""
    if not data:
        return f"exec < /dev/null\n{command}"
    return f"(\n{command}\n)\ncode=$?\ncat > /dev/null\nexit $code"


def _send(channel: paramiko.Channel, data: bytes, deadline: float) -> None:
    """A command that does not read all that it is sent is told by its exit code; the shell around it reads the rest."""
    rest = memoryview(data)
    try:
        while rest:
            channel.settimeout(left(deadline))
            rest = rest[channel.send(rest[:_CHUNK_BYTES].tobytes()) :]
        channel.shutdown_write()
    except TimeoutError:
        raise
    except OSError:
        pass


def _read(channel: paramiko.Channel, receive: Callable[[int], bytes], deadline: float) -> Iterator[bytes]:
    while True:
        channel.settimeout(left(deadline))
        chunk = receive(_CHUNK_BYTES)
        if not chunk:
            return
        yield chunk


def _exit_code(channel: paramiko.Channel, deadline: float) -> int:
    """Raises SSHException where the connection broke before the command told how it ended."""
    if not channel.status_event.wait(left(deadline)):
        raise TimeoutError
    if channel.exit_status < 0 and not _signalled(channel):
        raise paramiko.SSHException("it broke before the command ended")
    return channel.exit_status


def _signalled(channel: paramiko.Channel) -> bool:
    """Whether the line is still good: then -1 means that a signal ended the command."""
    transport = channel.get_transport()
    return transport is not None and transport.is_active()


def _short(command: str) -> str:
    line = command.strip().splitlines()[0]
    return line if len(line) <= 60 else line[:57] + "..."


__all__ = ["Endpoint", "SshControl"]
