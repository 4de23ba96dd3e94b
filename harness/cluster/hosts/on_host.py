"""What happens on a host itself. This file is sent there as text and run by the host's own Python, so it needs nothing
but the standard library; what it finds it prints as JSON. What cannot be done it says in one line, with exit code 1.

    claim BASE CLAIM       takes the host for one run; prints null, or the claim of whoever has it
    make FOLDER USER       a folder that this user may write in
    ports PORT...          prints those that are taken
    clock LIBRARY FOLDER   prints what is wrong with libfaketime here, null where nothing is
    release BASE CLAIM     removes all that was made under the claim, and then the claim; prints what there was

A claim is JSON: `folder` in it is the run's own, `chains` what the names of the run's chains begin with, and `queues`
whether there may be some in the table raw beside those in the table filter. Nothing else is believed: no process is
touched but those that carry the folder in their environment, and no rule but those of these chains and the jumps to
them.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

MARK = "RAFTSTORM_RUN"
LOCK = "claim"
CHAINS = re.compile(r"raftstorm-[0-9a-f]+-")
ATTEMPTS = 20
GONE_S = 5.0
OFFSET_S = 500.0
SLACK_S = 5.0


def claim(base: str, text: str) -> str | None:
    """The lock appears at once with all that it says, so that nobody ever reads half of it."""
    scratch = f"{base}/{LOCK}.{os.getpid()}"
    for _ in range(ATTEMPTS):
        os.makedirs(base, exist_ok=True)
        with suppress(FileNotFoundError):  # the folder, or the lock, went with another run just now
            try:
                with open(scratch, "w") as file:
                    file.write(text)
                os.link(scratch, f"{base}/{LOCK}")
                return None
            except FileExistsError:
                return holder(base)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(scratch)
    raise OSError(f"{base}/{LOCK} comes and goes")


def holder(base: str) -> str:
    with open(f"{base}/{LOCK}") as file:
        return file.read()


def held(base: str) -> str | None:
    try:
        return holder(base)
    except FileNotFoundError:
        return None


def make(folder: str, user: str) -> None:
    os.makedirs(folder)
    if os.geteuid() == 0:
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)


def ports(*numbers: str) -> list[int]:
    return [int(number) for number in numbers if taken(int(number))]


def taken(port: int) -> bool:
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            line.bind(("0.0.0.0", port))
        except OSError:
            return True
        return False


def clock(library: str, folder: str) -> str | None:
    """A child under the library must be off by the offset, on the wall clock alone."""
    path = f"{folder}/self-test"
    with open(path, "w") as file:
        file.write(f"{OFFSET_S:+g}\n")
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": path,
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    code = "import time; print(time.time(), time.monotonic())"
    command = [sys.executable, "-S", "-E", "-c", code]
    wall, monotonic = time.time(), time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20)
    os.unlink(path)
    if done.returncode != 0 or done.stderr.strip():
        return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    read = [float(word) for word in done.stdout.split()]
    for name, was, offset_s in (("wall", wall, OFFSET_S), ("monotonic", monotonic, 0.0)):
        off_s = read[name == "monotonic"] - was
        if not offset_s <= off_s <= offset_s + SLACK_S:
            return f"the {name} clock is off by {off_s:+.3f} s, not by {offset_s:+g} s"
    return None


def release(base: str, text: str) -> dict[str, list[str]]:
    """The claim goes last: as long as anything is left, it says what."""
    said = json.loads(text)
    if os.path.dirname(said["folder"]) != base or not CHAINS.fullmatch(said["chains"]):
        raise OSError(f"{base}/{LOCK} claims what no run makes: {said['folder']}, {said['chains']}")
    if held(base) != text:
        return {"processes": [], "chains": [], "folders": []}
    killed = kill_marked(said["folder"])
    tables = ("filter", "raw") if said.get("queues") else ("filter",)
    chains = [chain for table in tables for chain in remove_chains(said["chains"], table)]
    folders = [said["folder"]] if os.path.isdir(said["folder"]) else []
    for folder in folders:
        shutil.rmtree(folder)
    os.unlink(f"{base}/{LOCK}")
    with suppress(OSError):  # somebody's else is in it
        os.rmdir(base)
    return {"processes": killed, "chains": chains, "folders": folders}


def kill_marked(folder: str) -> list[str]:
    """A process that is looked at through a descriptor is the same one when it is killed, whatever becomes of its pid.
    Servers that start others meanwhile are why this is done until there is none."""
    killed = []
    deadline = time.monotonic() + GONE_S
    while found := list(marked(folder)):
        if time.monotonic() > deadline:
            raise OSError(f"the processes {', '.join(str(pid) for pid, _ in found)} survive SIGKILL")
        for pid, descriptor in found:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                killed.append(str(pid))
            select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            os.close(descriptor)
            forget_clock(pid)
    return sorted(set(killed), key=int)


def forget_clock(pid: int) -> None:
    """The names that libfaketime leaves of a process that was killed before node-start took them away."""
    for path in (f"/dev/shm/faketime_shm_{pid}", f"/dev/shm/sem.faketime_sem_{pid}"):
        with suppress(OSError):
            os.unlink(path)


def marked(folder: str) -> Iterator[tuple[int, int]]:
    """Pid and descriptor of each process that carries the folder as its mark."""
    mark = f"{MARK}={folder}".encode()
    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) != os.getpid():
            with suppress(OSError):  # it ended, or is another user's
                descriptor = os.pidfd_open(int(name))
                if mark in environment(name):
                    yield int(name), descriptor
                else:
                    os.close(descriptor)


def environment(pid: str) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []


def remove_chains(prefix: str, table: str) -> list[str]:
    if os.geteuid() != 0 or shutil.which("iptables") is None:
        return []
    rules = [shlex.split(line) for line in iptables("-t", table, "-S").splitlines()]
    chains = [words[1] for words in rules if words[0] == "-N" and words[1].startswith(prefix)]
    for words in rules:
        if words[0] == "-A" and words[1] not in chains and words[-1] in chains and words[-2] in ("-j", "--jump"):
            iptables("-t", table, "-D", *words[1:])
    for chain in chains:
        iptables("-t", table, "-F", chain)
    for chain in chains:
        iptables("-t", table, "-X", chain)
    return chains


def iptables(*words: str) -> str:
    done = subprocess.run(["iptables", "-w", "5", *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f"iptables {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


COMMANDS: dict[str, Callable[..., object]] = {
    "claim": claim,
    "held": held,
    "make": make,
    "ports": ports,
    "clock": clock,
    "release": release,
}


def main(words: list[str]) -> int:
    try:
        print(json.dumps(COMMANDS[words[0]](*words[1:])))
    except OSError as error:
        print(f"{error.filename}: {error.strerror}" if error.filename else error, file=sys.stderr)
    except (KeyError, subprocess.SubprocessError) as error:
        print(error, file=sys.stderr)
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
