"""The report in a browser, where there is one: its scripts run without an error and draw what they should."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from results.report import render
from tests.results.folders import NODES, make, write_hostile
from tests.results.messages import write_messages

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")


def in_browser(report: Path, profile: Path) -> tuple[str, str]:
    """The page's elements after its scripts have run, and what the console said."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--window-size=1400,9000"]
    done = subprocess.run(
        [
            str(CHROMIUM),
            *options,
            f"--user-data-dir={profile}",
            "--virtual-time-budget=4000",
            "--dump-dom",
            report.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    return done.stdout, "\n".join(re.findall(r".*CONSOLE.*", done.stderr))


def small(path: Path) -> Path:
    return make(path, operations=300, seconds=20, stale=True)


def nothing(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize(("folder", "charts"), [(small, 4), (write_hostile, 4), (nothing, 2)])
def test_scripts_run_without_errors(tmp_path: Path, folder: Callable[[Path], Path], charts: int) -> None:
    elements, console = in_browser(render(folder(tmp_path / "run")), tmp_path / "profile")
    assert console == ""
    assert len(re.findall(r'class="chart[^"]*js-plotly-plot', elements)) == charts


def test_messages_are_drawn(tmp_path: Path) -> None:
    folder = small(tmp_path / "run")
    write_messages(folder, 5000, NODES)
    elements, console = in_browser(render(folder), tmp_path / "profile")
    assert console == ""
    diagram = elements.split('id="message-diagram"')[1].split("</svg>")[0]
    names = re.findall(r'class="name"[^>]*>([^<]*)<', diagram)
    assert names == NODES
    assert 'class="arrow m-0' in diagram
    assert 'class="cross' in diagram
    assert 'class="role leader"' in diagram
    assert re.findall(r"leader · term \d", diagram)
    legend = elements.split('id="message-legend"')[1].split("</ul>")[0]
    assert re.findall(r"</i>(\w+)", legend)[:2] == ["AppendEntries", "AppendReply"]


def test_hostile_messages_stay_text(tmp_path: Path) -> None:
    elements, console = in_browser(render(write_hostile(tmp_path / "run")), tmp_path / "profile")
    assert console == ""
    diagram = elements.split('id="message-diagram"')[1].split("</svg>")[0]
    assert "<script" not in diagram
    assert "<img" not in diagram
    assert 'class="cross' in diagram
