"""Debian from its own packages, for machines that reach a Debian mirror but no image registry.

debootstrap needs no installation: where the machine has none, its package is downloaded and unpacked into a temporary
folder and run from there. Nothing is installed on this machine. Unpacking a system needs root.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from harness.errors import CannotRun

SUITE: Final = "bookworm"
MIRROR: Final = "http://deb.debian.org/debian"
_KEYRING: Final = Path("usr/share/keyrings/debian-archive-keyring.gpg")
_LAST_LINES: Final = 3

Progress = Callable[[str], object]


@contextmanager
def bootstrapped(progress: Progress) -> Iterator[IO[bytes]]:
    """A tar stream of a minimal Debian. Raises CannotRun in one sentence."""
    check_machine()
    with tempfile.TemporaryDirectory(prefix="raftstorm-base-") as scratch:
        root = Path(scratch) / "root"
        _debootstrap(Path(scratch), root, progress)
        with _tar_of(root) as stream:
            yield stream


def check_machine() -> None:
    """Raises CannotRun where this machine cannot bootstrap a Debian."""
    if os.geteuid() != 0:
        raise CannotRun(
            "No registry answers, so the base image must be bootstrapped from Debian's packages, which needs root: "
            "run `raftstorm image build` once as root, or `docker pull debian:bookworm-slim` where a registry answers."
        )
    wanted = ("wget", "gpgv", "tar", "dpkg-deb") if _installed() else ("wget", "gpgv", "tar", "dpkg-deb", "apt-get")
    missing = [program for program in wanted if shutil.which(program) is None]
    if missing:
        raise CannotRun(
            "No registry answers, and bootstrapping the base image from Debian's packages needs "
            f"{', '.join(missing)}, which this machine lacks: install it, or load a debian:bookworm-slim image by hand."
        )


def _installed() -> str | None:
    return shutil.which("debootstrap")


def _debootstrap(scratch: Path, root: Path, progress: Progress) -> None:
    program, environment = _installed() or "", dict(os.environ)
    keyring = Path("/") / _KEYRING
    if not program:
        tools = _unpack("debootstrap", scratch, progress)
        program = str(tools / "usr/sbin/debootstrap")
        environment["DEBOOTSTRAP_DIR"] = str(tools / "usr/share/debootstrap")
    if not keyring.exists():
        keyring = _unpack("debian-archive-keyring", scratch, progress) / _KEYRING
    progress(f"bootstrapping Debian {SUITE} from {MIRROR}")
    options = ["--variant=minbase", "--include=ca-certificates", f"--keyring={keyring}"]
    # debootstrap is a shell script, and may lack its execute bit on a temporary folder mounted noexec.
    command = ["/bin/sh", program, *options, SUITE, str(root), MIRROR]
    try:
        _run(command, environment, progress)
    finally:
        _unmount(root)
    _slim(root)


def _unpack(package: str, scratch: Path, progress: Progress) -> Path:
    """A Debian package's content, in a folder of its own."""
    progress(f"downloading the package {package}")
    folder = scratch / package
    folder.mkdir()
    try:
        _apt(["download", package], folder, progress)
    except CannotRun:
        # This machine has no lists of packages, or old ones: fresh lists, kept in the temporary folder.
        (scratch / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (scratch / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        lists = [f"-oDir::State::Lists={scratch}/lists", f"-oDir::Cache={scratch}/cache"]
        _apt([*lists, "update"], folder, progress)
        _apt([*lists, "download", package], folder, progress)
    archive = next(folder.glob(f"{package}_*.deb"))
    _run(["dpkg-deb", "-x", str(archive), str(folder)], dict(os.environ), progress)
    return folder


def _apt(arguments: Sequence[str], folder: Path, progress: Progress) -> None:
    # apt downloads as an unprivileged user of its own, which may not write here; as root it need not.
    _run(["apt-get", "-oAPT::Sandbox::User=root", *arguments], dict(os.environ), progress, folder)


def _run(command: Sequence[str], environment: dict[str, str], progress: Progress, cwd: Path | None = None) -> None:
    """Runs a program, its output handed on by lines. Raises CannotRun with the last of them, and what `progress`
    raises: then the program and all that it has started are killed."""
    lines: list[str] = []
    with _own_group(command, environment, cwd) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.strip())
            progress(lines[-1])
    if process.returncode != 0:
        said = " / ".join(line for line in lines[-_LAST_LINES:] if line) or "it said nothing"
        raise CannotRun(f"Bootstrapping the base image failed: `{command[0]}` ended with {process.returncode}: {said}.")


@contextmanager
def _own_group(
    command: Sequence[str], environment: dict[str, str], cwd: Path | None
) -> Iterator[subprocess.Popen[str]]:
    """debootstrap is a script that starts many programs: they form a group, so that none outlives an interruption."""
    with subprocess.Popen(
        command,
        env=environment,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            yield process
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise


def _unmount(root: Path) -> None:
    """debootstrap mounts proc and sys into the new system; interrupted, it leaves them, and deleting the folder would
    walk into the kernel's own files."""
    for name in ("proc", "sys"):
        subprocess.run(["umount", "-l", str(root / name)], check=False, capture_output=True)


def _slim(root: Path) -> None:
    """Takes out what a container never reads: package caches and documentation."""
    for below in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale"):
        folder = root / below
        with suppress(FileNotFoundError):
            for entry in folder.iterdir():
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


@contextmanager
def _tar_of(root: Path) -> Iterator[IO[bytes]]:
    with subprocess.Popen(
        ["tar", "--numeric-owner", "--one-file-system", "-c", "-C", str(root), "."], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        yield process.stdout
    if process.returncode != 0:
        raise CannotRun(f"Packing the bootstrapped base image failed: tar ended with {process.returncode}.")
