"""What happens on a host, done here: claims, and that nothing is taken away but what was made under one."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.cluster.hosts import on_host
from harness.faketime import faketime_path

CHAINS = "raftstorm-abc123-"


@pytest.fixture
def base(tmp_path: Path) -> str:
    return str(tmp_path / "base")


def claim_text(base: str, run: str = "r") -> str:
    return json.dumps({"run": run, "folder": f"{base}/{run}", "chains": CHAINS})


@contextmanager
def process(**environment: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"], env={"PATH": os.environ["PATH"], **environment}) as running:
        try:
            yield running
        finally:
            running.kill()


def test_a_host_is_taken_once_and_free_after_that(base: str) -> None:
    first, second = claim_text(base), claim_text(base, "s")
    assert on_host.held(base) is None
    assert on_host.claim(base, first) is None
    assert on_host.claim(base, second) == on_host.held(base) == first
    assert os.listdir(base) == [on_host.LOCK], "what was tried is gone"
    on_host.release(base, second)
    assert on_host.held(base) == first, "another's claim is nobody's to release"
    on_host.make(f"{base}/r", "root")
    assert on_host.release(base, first) == {"processes": [], "chains": [], "folders": [f"{base}/r"]}
    assert not os.path.exists(base)
    assert on_host.claim(base, second) is None


def test_what_somebody_else_has_there_stays(base: str) -> None:
    os.makedirs(f"{base}/theirs")
    text = claim_text(base)
    assert on_host.claim(base, text) is None
    on_host.make(f"{base}/r", "root")
    on_host.release(base, text)
    assert os.listdir(base) == ["theirs"]


@pytest.mark.parametrize("wrong", [{"folder": "/home"}, {"folder": "BASE/r/../.."}, {"chains": ""}, {"chains": "D"}])
def test_a_claim_on_what_no_run_makes_is_not_believed(base: str, wrong: dict[str, str]) -> None:
    said = json.loads(claim_text(base)) | {name: value.replace("BASE", base) for name, value in wrong.items()}
    text = json.dumps(said)
    on_host.claim(base, text)
    with pytest.raises(OSError, match="claims what no run makes"):
        on_host.release(base, text)
    assert on_host.held(base) == text


def test_processes_that_carry_the_folder_are_killed_and_no_others(base: str) -> None:
    text = claim_text(base)
    on_host.claim(base, text)
    with (
        process(RAFTSTORM_RUN=f"{base}/r") as ours,
        process(RAFTSTORM_RUN=f"{base}/r2") as another_run,
        process(OTHER=f"RAFTSTORM_RUN={base}/r") as like_it,
        process() as foreign,
    ):
        assert on_host.release(base, text)["processes"] == [str(ours.pid)]
        assert ours.wait(10) == -9
        assert [other.poll() for other in (another_run, like_it, foreign)] == [None, None, None]


RULES = f"""\
-P INPUT ACCEPT
-N {CHAINS}f1
-N raftstorm-def456-f1
-N theirs
-A INPUT -s 10.0.0.9/32 -m comment --comment "a rule of theirs" -j DROP
-A INPUT -j {CHAINS}f1
-A INPUT -j raftstorm-def456-f1
-A INPUT -j theirs
-A {CHAINS}f1 -s 10.0.0.2/32 -j DROP
"""


@pytest.mark.parametrize("table", ["filter", "raw"])
@pytest.mark.parametrize("root", [True, False])
def test_chains_of_the_run_go_and_no_other_rule(root: bool, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def iptables(*words: str) -> str:
        asked.append(" ".join(words))
        return RULES if words[2:] == ("-S",) else ""

    monkeypatch.setattr(on_host, "iptables", iptables)
    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
    assert on_host.remove_chains(CHAINS, table) == ([f"{CHAINS}f1"] if root else [])
    changes = [f"-D INPUT -j {CHAINS}f1", f"-F {CHAINS}f1", f"-X {CHAINS}f1"]
    assert asked == ([f"-t {table} {change}" for change in ("-S", *changes)] if root else [])


@pytest.mark.parametrize(("queues", "tables"), [(None, 1), (False, 1), (True, 2)])
def test_where_packets_may_be_queued_the_table_raw_is_looked_at_too(
    base: str, queues: bool | None, tables: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which was there when the host was claimed. As long as a table cannot be read, the claim stays."""
    looked: list[str] = []
    locked = True

    def iptables(*words: str) -> str:
        looked.append(words[1])
        if locked and len(looked) == tables:
            raise OSError("iptables -S: another app is currently holding the xtables lock")
        return ""

    monkeypatch.setattr(on_host, "iptables", iptables)
    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    text = json.dumps(json.loads(claim_text(base)) | ({} if queues is None else {"queues": queues}))
    assert on_host.claim(base, text) is None
    with pytest.raises(OSError, match="xtables lock"):
        on_host.release(base, text)
    assert on_host.held(base) == text
    locked = False
    on_host.release(base, text)
    assert looked == ["filter", "raw"][:tables] * 2
    assert on_host.held(base) is None


def test_ports() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        assert on_host.ports(str(number)) == [number]
    assert on_host.ports(str(number)) == []


def test_libfaketime_is_tried(tmp_path: Path) -> None:
    assert on_host.clock(str(faketime_path()), str(tmp_path)) is None
    assert "the wall clock is off by" in str(on_host.clock("", str(tmp_path)))
    assert "cannot be preloaded" in str(on_host.clock("/nowhere.so", str(tmp_path)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "code", "out", "err"),
    [
        (["held", "/nowhere"], 0, "null\n", ""),
        (["make", "/proc/nothing", "root"], 1, "", "/proc/nothing: No such file or directory\n"),
    ],
)
def test_as_a_program(words: list[str], code: int, out: str, err: str) -> None:
    source = Path(on_host.__file__).read_bytes()
    done = subprocess.run([sys.executable, "-S", "-E", "-", *words], input=source, capture_output=True)
    assert (done.returncode, done.stdout.decode(), done.stderr.decode()) == (code, out, err)
