"""Programs for nodes: they run where there is nothing but Python."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness import on_nodes
from harness.on_nodes.archive import archive
from tests.test_walls import imports

HERE = Path(on_nodes.__file__).parent


def test_it_runs_without_anything_installed(tmp_path: Path) -> None:
    program = tmp_path / "packets.pyz"
    program.write_bytes(archive("packets"))
    given = json.dumps({"path": str(tmp_path / "socket"), "ways": {}})
    ran = subprocess.run(
        [sys.executable, "-S", "-E", "-I", str(program), "hinder", given],
        capture_output=True,
        text=True,
        cwd="/",
        check=True,
    )
    told = json.loads(ran.stdout)
    assert told["counts"] == {}
    assert set(told["kernel"]) == {"tcp_retransmitted", "tcp_checksum_errors", "icmp_checksum_errors"}


@pytest.mark.parametrize(
    "path", [path for path in HERE.rglob("*.py") if path.name != "archive.py"], ids=lambda path: path.name
)
def test_it_imports_the_standard_library_and_itself(path: Path) -> None:
    modules = [module for _, module, _ in imports(path)]
    foreign = [module for module in modules if module.split(".")[0] not in sys.stdlib_module_names]
    assert [module for module in foreign if not module.startswith("harness.on_nodes")] == []
