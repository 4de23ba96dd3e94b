"""The report: whatever the run folder holds or lacks, it is written, says what is true, and runs nothing foreign."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from checkers.history import HistoryError, decode
from results.report import render
from results.summary import summary
from tests.results.folders import NODES, make, write_hostile, write_json, write_lines

SECTIONS = [
    "verdict",
    "history",
    "latency",
    "throughput",
    "leaders",
    "clocks",
    "availability",
    "faults",
    "logs",
    "experiment",
]


class Page(HTMLParser):
    """What a browser makes of the page: ids, tags, attributes, scripts, visible text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.scripts: list[str] = []
        self.data: dict[str, str] = {}
        self.text = ""
        self._inside: list[str] = []
        self._data_id: str | None = None
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        named = dict(attrs)
        if named.get("id"):
            self.ids.add(str(named["id"]))
        if tag == "script" and named.get("type") == "application/json":
            self._data_id = str(named["id"])
        elif tag == "script":
            self._data_id = None
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        inside = self._inside[-1] if self._inside else ""
        if inside == "script" and self._data_id:
            self.data[self._data_id] = data
        elif inside == "script":
            self.scripts[-1] += data
        elif inside != "style":
            self.text += data

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    def json(self, name: str) -> Any:
        return json.loads(self.data[name])


@pytest.fixture(scope="module")
def stale(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("runs") / "stale", operations=600, seconds=30, stale=True)


@pytest.fixture(scope="module")
def page(stale: Path) -> Page:
    return Page(render(stale))


def test_it_is_one_file_beside_the_history(stale: Path, page: Page) -> None:
    assert render(stale) == stale / "report.html"
    outside = [value for name, value in page.attributes if name in ("src", "href") and not value.startswith("#")]
    assert outside == []


@pytest.mark.parametrize("section", [*SECTIONS, "reads", "contradictions", "contradiction-1"])
def test_every_section_is_there(page: Page, section: str) -> None:
    assert section in page.ids


@pytest.mark.parametrize(
    "words",
    [
        "Invalid",
        "1 of 8 promises was broken: linearizability.",
        "process 902 read 100041 from r0",
        "raftstorm run --bug unconfirmed-reads --time-limit 60 --seed 7",
        "f1 partition isolate-leader",
        "n1 (term 3), n3 (term 4)",
        "packets_dropped",
        "n1: 1042, n2: 377",
        "no-target: nobody led",
        "heartbeat 399",
        "Reached: monotonic reads (as promised).",
        "Over 2,000 reads, of which 12 were stale",
        "Not linearizable, sequential",
        "process 7 read 41 from r0 on n3",
        "≤1 s",
        "Docker 20.10.24",
    ],
)
def test_it_says(page: Page, words: str) -> None:
    assert words in page.text


def test_the_contradiction_is_drawn_in_order(stale: Path) -> None:
    html = render(stale).read_text("utf-8")
    labels = re.findall(r'<text class="label" x="([\d.]+)"[^>]*>((?:write|read →) 1000\d\d)</text>', html)
    assert [label for _, label in labels] == ["write 100041", "write 100052", "read → 100041"]
    assert sorted(labels, key=lambda label: float(label[0])) == labels


def test_the_columns_are_the_history(stale: Path, page: Page) -> None:
    data = page.json("history-data")
    operations = decode((stale / "history.jsonl").read_bytes()).operations
    columns = [
        name
        for name, column in data.items()
        if isinstance(column, list) and name not in ("faults", "leaders", "anomalies", "outcomes")
    ]
    assert {len(data[name]) for name in columns} == {len(operations)} == {data["count"]}
    call = index = 0
    for place, operation in enumerate(operations):
        call, index = call + data["call"][place], index + data["index"][place]
        assert (index, call) == (operation.invoked, operation.invoke.time // 1000)
        assert data["words"]["key"][data["key"][place]] == operation.key
        if operation.completion is not None:
            assert index + data["completed"][place] == operation.completion.index
            assert call + data["took"][place] == operation.completion.time // 1000


def test_what_shows_why_a_level_was_not_reached_can_be_looked_up(page: Page) -> None:
    assert ("data-jump", "3,9") in page.attributes


def test_stale_reads_have_a_histogram(stale: Path) -> None:
    drawing = render(stale).read_text("utf-8").split('<svg class="histogram"')[1].split("</svg>")[0]
    assert re.findall(r'height="([\d.]+)" rx', drawing) == ["0.0", "120.0", "26.7", "13.3"]
    assert re.findall(r">(≤[^<]+|more)</text>", drawing) == ["≤1 ms", "≤2 ms", "≤1 s", "more"]


def test_throughput_counts_every_operation(page: Page) -> None:
    charts = page.json("charts-data")
    width = charts["buckets"]["throughput"]
    total = sum(rate * width for series in charts["throughput"]["series"] for rate in series["rate"])
    assert round(total) == page.json("history-data")["count"]


def test_leaders_and_clocks_come_from_the_traces(page: Page) -> None:
    charts = page.json("charts-data")
    assert [(span["node"], span["term"]) for span in charts["leaders"]] == [("n1", 3), ("n3", 4), ("n2", 6), ("n4", 7)]
    assert max(charts["offsets"]["n2"]["offset_ms"]) == 200.0
    assert charts["nodes"] == NODES


def test_a_valid_run_says_so(tmp_path: Path) -> None:
    page = Page(render(make(tmp_path / "good", operations=200, seconds=20)))
    assert "All 8 promises held, over 200 operations and 7 faults." in page.text
    assert "contradictions" not in page.ids


GONE = {
    "verdict.json": "There is no verdict.json",
    "run.json": "run.json cannot be read",
    "history.jsonl": "There is no history to show",
    "status.jsonl": "There is no status.jsonl",
}


@pytest.mark.parametrize(("name", "note"), GONE.items())
def test_a_missing_file_is_named_and_the_rest_is_shown(tmp_path: Path, name: str, note: str) -> None:
    folder = make(tmp_path / "run", operations=100, seconds=10)
    (folder / name).unlink()
    page = Page(render(folder))
    assert note in page.text
    assert page.ids.issuperset(SECTIONS)


@pytest.mark.parametrize("odd", [None, 5, [1], {"drawn": 7}, {"drawn": {"<b>": ["<i>"]}, "digest": "<u>"}])
def test_a_simulated_run_says_so_and_what_it_drew(tmp_path: Path, odd: Any) -> None:
    folder = make(tmp_path / "run", operations=50, seconds=10)
    run = json.loads((folder / "run.json").read_text())
    assert "in virtual time" not in Page(render(folder)).text
    drawn = {"sync_s": 0.001, "election_timeout_s": 0.15}
    write_json(folder / "run.json", run | {"engine": "simulation", "simulation": {"drawn": drawn, "digest": "abc"}})
    text = Page(render(folder)).text
    for words in ("in virtual time", "Drawn from the seed", "election_timeout_s", "0.15", "digest of the run", "abc"):
        assert words in text
    assert "Peer address" not in text  # they have none
    write_json(folder / "run.json", run | {"engine": "simulation", "simulation": odd})
    assert "in virtual time" in Page(render(folder)).text


def test_an_empty_folder_has_a_report(tmp_path: Path) -> None:
    page = Page(render(tmp_path))
    assert "Not judged" in page.text
    assert page.json("history-data")["count"] == 0


@pytest.mark.parametrize(
    ("damage", "note"),
    [
        (lambda data: data[:-20], "cut off"),
        (lambda data: data.replace(b'"index":40,', b'"index":41,'), "up to its bad line: line 41"),
        (lambda data: b"\x00\xff\n" + data, "up to its bad line: line 1"),
    ],
)
def test_a_damaged_history_is_shown_up_to_the_damage(tmp_path: Path, damage: Any, note: str) -> None:
    folder = make(tmp_path / "run", operations=100, seconds=10)
    history = folder / "history.jsonl"
    history.write_bytes(damage(history.read_bytes()))
    assert note in Page(render(folder)).text


def test_an_unpaired_event_ends_what_is_shown(tmp_path: Path) -> None:
    event = {"time": 0, "process": 1, "f": "read", "value": None}
    write_lines(
        tmp_path / "history.jsonl", [{"index": 0, "type": "invoke", **event}, {"index": 1, "type": "invoke", **event}]
    )
    with pytest.raises(HistoryError):
        _ = decode((tmp_path / "history.jsonl").read_bytes()).operations
    page = Page(render(tmp_path))
    assert "fits no operation: line 2" in page.text
    assert page.json("history-data")["count"] == 1


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b"null", b'{"verdict": 7, "checkers": {"a": 1}, "anomalies": [3, {}]}']
)
@pytest.mark.parametrize("name", ["verdict.json", "run.json"])
def test_nonsense_does_not_stop_it(tmp_path: Path, name: str, content: bytes) -> None:
    folder = make(tmp_path / "run", operations=50, seconds=10)
    (folder / name).write_bytes(content)
    assert Page(render(folder)).ids.issuperset(SECTIONS)


def test_hostile_values_stay_text(tmp_path: Path) -> None:
    page = Page(render(write_hostile(tmp_path / "hostile")))
    clean = Page(render(make(tmp_path / "clean", operations=50, seconds=10)))
    assert page.scripts == clean.scripts
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "</script><script>alert(1)" in page.text
    assert "\u202e" not in page.text
    values = page.json("history-data")["value"]
    assert str(2**53 + 1) in values


def test_only_the_page_s_own_scripts_may_run(page: Page) -> None:
    policy = next(value for name, value in page.attributes if name == "content" and "script-src" in value)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert policy.count("sha256-") == len(page.scripts)
    assert "unsafe-inline" not in policy.split("style-src")[0]


def test_availability_is_told_by_workload_node_and_fault(page: Page) -> None:
    assert "all operations" in page.text
    assert "After the end of a fault" in page.text
    assert "After its end: first answer" in page.text


@pytest.mark.parametrize("odd", [7, "x", [], {"a": "b"}, [3, {"fault": "f1", "lifted_s": 1, "meanwhile": 3}], None])
@pytest.mark.parametrize("name", ["workloads", "nodes", "width_s", "normal_per_s", "recovery", "recovery_by_kind"])
def test_odd_details_of_availability_do_not_stop_it(tmp_path: Path, name: str, odd: Any) -> None:
    folder = make(tmp_path / "run", operations=20, seconds=5)
    verdict = json.loads((folder / "verdict.json").read_bytes())
    verdict["checkers"][-1]["details"][name] = odd
    write_json(folder / "verdict.json", verdict)
    assert Page(render(folder)).ids.issuperset(SECTIONS)
    assert summary(verdict)


def test_a_huge_log_keeps_its_end(tmp_path: Path) -> None:
    log = tmp_path / "nodes" / "n1" / "node.log"
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"line {number}\n" for number in range(60_000)))
    page = Page(render(tmp_path))
    assert "line 59999" in page.text
    assert "line 17\n" not in page.text
    assert "Only the end is here: the first" in page.text


def test_two_leaders_are_drawn_from_the_traces(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", operations=50, seconds=10)
    verdict = json.loads((folder / "verdict.json").read_bytes())
    two = {"kind": "two-leaders", "text": "n1 and n3 both led", "operations": [], "details": {"term": 4}}
    write_json(folder / "verdict.json", {**verdict, "verdict": "invalid", "anomalies": [two]})
    assert "leads term 4" in Page(render(folder)).text
