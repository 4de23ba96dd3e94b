"""A program of this package as one file that Python runs: it is sent to nodes, where nothing of ours is installed."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

_HERE: Final = Path(__file__).parent
_MAIN: Final = "import runpy\nrunpy.run_module('harness.on_nodes.{name}', run_name='__main__')\n"


@cache
def archive(name: str) -> bytes:
    """The zip file of `harness.on_nodes.NAME`, with what lies beside it. The same sources give the same bytes."""
    shared = [path for path in _HERE.glob("*.py") if path != Path(__file__)]
    own = (_HERE / name).glob("*.py")
    files = {f"harness/on_nodes/{path.relative_to(_HERE)}": path.read_text("utf-8") for path in (*shared, *own)}
    files |= {"harness/__init__.py": "", "__main__.py": _MAIN.format(name=name)}
    packed = io.BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as zipped:
        for path, text in sorted(files.items()):
            zipped.writestr(ZipInfo(path), text, ZIP_DEFLATED)
    return packed.getvalue()
