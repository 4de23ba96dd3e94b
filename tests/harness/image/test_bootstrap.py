"""Bootstrapping a Debian, with the programs that do it replaced by scripts that write down what they are asked for.
That the real ones make a base that works is what every build without a registry shows."""

from __future__ import annotations

import io
import os
import select
import shutil
import tarfile
from pathlib import Path

import pytest

from harness.errors import CannotRun
from harness.image import bootstrap
from harness.image.bootstrap import bootstrapped, check_machine

DEBOOTSTRAP = """#!/bin/sh
echo "debootstrap $* with ${DEBOOTSTRAP_DIR:-its own}" >> "$LOG"
echo I: Retrieving
for root; do case $root in */root) mkdir -p "$root/etc" "$root/usr/share/doc/x" && touch "$root/etc/passwd";; esac; done
"""
APT_GET = """#!/bin/sh
echo "apt-get $*" >> "$LOG"
case "$*" in *Dir::State*) ;; *download*) [ -n "$LISTS" ] || exit 100;; esac
case "$*" in *download*) for package; do :; done; touch "${package}_1_all.deb";; esac
"""
DPKG_DEB = """#!/bin/sh
echo "dpkg-deb $1" >> "$LOG"
mkdir -p "$3/usr/sbin"
cp "$TOOLS/debootstrap.sh" "$3/usr/sbin/debootstrap"
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with everything but debootstrap; the commands that it was given."""
    tools, log = tmp_path / "tools", tmp_path / "log"
    tools.mkdir()
    for name, text in {"apt-get": APT_GET, "dpkg-deb": DPKG_DEB, "debootstrap.sh": DEBOOTSTRAP}.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    for name in ("wget", "gpgv", "umount"):
        (tools / name).symlink_to("/bin/true")
    for name in ("tar", "mkdir", "touch", "cp"):
        (tools / name).symlink_to(str(shutil.which(name)))
    for name, value in {"PATH": str(tools), "LOG": str(log), "TOOLS": str(tools), "LISTS": "there"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(bootstrap, "_KEYRING", Path("etc/passwd"))
    return log


def base(lines: list[str]) -> list[str]:
    with bootstrapped(lines.append) as stream, tarfile.open(fileobj=io.BytesIO(stream.read())) as tar:
        return sorted(tar.getnames())


def test_debootstrap_is_fetched_and_nothing_installed(log: Path) -> None:
    lines: list[str] = []
    assert base(lines) == [".", "./etc", "./etc/passwd", "./usr", "./usr/share", "./usr/share/doc"]
    fetched, unpacked, ran = log.read_text().splitlines()
    assert fetched.endswith("download debootstrap")
    assert unpacked == "dpkg-deb -x"
    assert "--variant=minbase" in ran
    assert ran.endswith("/debootstrap/usr/share/debootstrap")
    assert "I: Retrieving" in lines


def test_an_installed_debootstrap_is_used(log: Path, tmp_path: Path) -> None:
    (tmp_path / "tools" / "debootstrap").write_text(DEBOOTSTRAP)
    (tmp_path / "tools" / "debootstrap").chmod(0o755)
    base([])
    [ran] = log.read_text().splitlines()
    assert ran.endswith("with its own")


def test_a_machine_without_lists_of_packages_gets_them_once(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTS", "")
    base([])
    assert [line.split()[-1] for line in log.read_text().splitlines()][:3] == ["debootstrap", "update", "debootstrap"]


def test_a_failure_is_told_with_the_last_words(log: Path, tmp_path: Path) -> None:
    (tmp_path / "tools" / "debootstrap.sh").write_text("echo E: no route to mirror; exit 3\n")
    with pytest.raises(CannotRun, match=r"ended with 3: E: no route to mirror\.$"):
        base([])


def test_needs_root(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(CannotRun, match="needs root"):
        check_machine()


def test_names_the_programs_that_are_missing(log: Path, tmp_path: Path) -> None:
    for name in ("wget", "apt-get"):
        (tmp_path / "tools" / name).unlink()
    with pytest.raises(CannotRun, match="needs wget, apt-get, which this machine lacks"):
        check_machine()


def test_interrupted_it_leaves_no_process(log: Path, tmp_path: Path) -> None:
    """debootstrap and what it has started end with the interruption, which would otherwise wait for them."""
    (tmp_path / "tools" / "debootstrap.sh").write_text("/bin/sleep 600 & echo $!; wait\n")
    started: list[int] = []

    def progress(line: str) -> None:
        if line.isdecimal():
            started.append(os.pidfd_open(int(line)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), bootstrapped(progress):
        pass
    ended, _, _ = select.select(started, [], [], 60)
    os.close(started[0])
    assert ended == started
