"""The folders of runs on this machine: one for each, below one of this user's in the folder for temporary files.

Whose a folder is stands in it, in the words of harness.cluster.owner, from the moment that it is there under its name.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from harness.cluster.local.marks import kill_all
from harness.cluster.owner import alive, owner
from harness.errors import CannotRun

_OWNER: Final = "owner"
_KEPT: Final = "kept"
_NEW: Final = ".new-"


def base() -> Path:
    """The folder of all runs of this user."""
    return Path(tempfile.gettempdir()) / f"raftstorm-{os.getuid()}"


def claim(name: str, *, keep: bool) -> Path:
    """A new folder for the run. `keep`: it is to outlive the run. Raises CannotRun."""
    folder = base() / re.sub(r"[^a-zA-Z0-9_.-]", "-", name)
    try:
        base().mkdir(mode=0o700, exist_ok=True)
        _check_own(base())
        new = Path(tempfile.mkdtemp(prefix=_NEW, dir=base()))
        (new / _OWNER).write_text(owner(), "utf-8")
        if keep:
            (new / _KEPT).touch()
    except OSError as error:
        raise CannotRun(f"No folder can be made below {base()}: {error.strerror}.") from error
    try:
        new.rename(folder)  # onto a folder that is not empty this fails
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        raise CannotRun(
            f"There is a cluster of a run named {name!r} already: choose another --name, or remove that one with "
            "`raftstorm clean`."
        ) from error
    return folder


def remove(folder: Path) -> list[int]:
    """Ends all that runs for this run, and removes its folder. The pids. Raises CannotRun."""
    try:
        killed = kill_all(str(folder))
        if folder.exists():
            shutil.rmtree(folder)
    except (OSError, TimeoutError) as error:
        raise CannotRun(f"The local cluster in {folder} could not be removed: {error}.") from error
    return killed


def remove_all(chosen: Iterable[Path]) -> list[str]:
    """Their names. Raises CannotRun."""
    names = []
    for folder in chosen:
        remove(folder)
        names.append(folder.name)
    return names


def crashed() -> list[Path]:
    """Folders whose harness died without a word."""
    return [folder for folder in abandoned() if not (folder / _KEPT).exists()]


def abandoned() -> list[Path]:
    """Those whose harness is gone, those that were to outlive it included."""
    return [folder for folder in _folders() if not _in_use(folder)]


def in_use() -> list[Path]:
    return [folder for folder in _folders() if _in_use(folder)]


def _in_use(folder: Path) -> bool:
    with suppress(OSError):
        return alive((folder / _OWNER).read_text("utf-8"))
    # One that has no owner yet is being made just now, or is none of ours.
    return True


def _folders() -> Iterator[Path]:
    with suppress(OSError):
        _check_own(base())
        yield from sorted(path for path in base().iterdir() if path.is_dir() and not path.is_symlink())


def _check_own(folder: Path) -> None:
    """Raises PermissionError where somebody else has put it there."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(1, f"{folder} is somebody else's")
