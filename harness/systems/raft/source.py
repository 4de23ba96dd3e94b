"""The node's sources, as files. The harness ships them and reads their catalogue of bugs; it never imports them, so
that a changed node can be tested by a harness that stays as it is.
"""

from __future__ import annotations

import io
import runpy
import tarfile
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import msgspec

from harness.errors import BadInput, CannotRun
from harness.system import Bug

ENTRY: Final = "runtime/__main__.py"
"""What a folder must hold to be a node's sources."""
_BUGS: Final = "bugs.py"


def shipped_source() -> Path:
    """The folder of the bundled node. Raises CannotRun."""
    spec = find_spec("node_image")
    if spec is None or not spec.submodule_search_locations:
        raise CannotRun("The node's sources are missing from this installation: install raftstorm again.")
    return Path(spec.submodule_search_locations[0])


def node_files(root: Path) -> dict[str, bytes]:
    """The Python files of a node, by path below `root`. Raises BadInput where it is no node's folder."""
    if not (root / ENTRY).is_file():
        inner = root / "node_image"
        hint = f"; did you mean {inner}?" if (inner / ENTRY).is_file() else "."
        raise BadInput(f"{root} does not hold a node's sources: there is no {ENTRY} in it{hint}")
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in _python_files(root)}


def _python_files(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*.py")):
        if not any(part.startswith((".", "__pycache__")) for part in path.relative_to(root).parts):
            yield path


def bugs_of(root: Path) -> dict[str, Bug]:
    """Deliberate bugs that the node in this folder can be started with, by name. Raises BadInput."""
    path = root / _BUGS
    if not path.is_file():
        return {}
    try:
        # Runs the file by itself, as a module that is forgotten afterwards.
        catalogue = runpy.run_path(str(path), run_name="raftstorm_bugs")["BUGS"]
        return {str(name): _bug(str(name), bug) for name, bug in catalogue.items()}
    except Exception as error:
        raise BadInput(f"The catalogue of bugs {path} cannot be read: {type(error).__name__}: {error}.") from error


def _bug(name: str, described: Any) -> Bug:
    """A catalogue of a node of another version may say less, or more. Raises msgspec.ValidationError."""
    told = {field: getattr(described, field) for field in Bug.__struct_fields__ if hasattr(described, field)}
    if "found_by" in told:
        told["found_by"] = dict(told["found_by"])
    return msgspec.convert({**told, "name": name}, Bug)


def pack(contents: Mapping[str, bytes], *, executable: str = "") -> bytes:
    """A tar archive (path -> content) that depends on nothing but paths and contents. Files below the folder
    `executable` may be run."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in sorted(contents.items()):
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            entry.mode = 0o755 if executable and path.startswith(executable) else 0o644
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
