"""`raftstorm check` and `raftstorm export` on files: verdicts, the object for programs, and input that is not what it
claims to be."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.command import command

SHARED = Path(__file__).parents[3] / "shared" / "histories"
EDN = """[{:process 0, :type :invoke, :f :write, :value 1}
 {:process 0, :type :ok, :f :write, :value 1}
 {:process 1, :type :invoke, :f :read, :value nil}
 {:process 1, :type :ok, :f :read, :value 2}]
"""
NIL = EDN.replace(":value 2", ":value nil")
LOG = "INFO  jepsen.util - 0\t:invoke\t:write\t1\nINFO  jepsen.util - 0\t:ok\t:write\t1\n"
KV = """{:process 0, :type :invoke, :f :get, :key "a", :value nil}
{:process 0, :type :ok, :f :get, :key "a", :value ""}
"""
APPENDS = "".join(
    f'{{:process {n}, :type :{type_}, :f :append, :key "a", :value "x"}}\n'
    for type_ in ("invoke", "ok")
    for n in range(5)
)
ELLE = "{:type :invoke, :process 0, :value [[:append :x 1]]}\n{:type :ok, :process 0, :value [[:append :x 1]]}\n"
LINES = [
    {"index": 0, "time": 5, "process": 0, "type": "invoke", "f": "write", "key": "r0", "value": 1},
    {"index": 1, "time": 9, "process": 0, "type": "ok", "f": "write", "key": "r0", "value": 1},
    {"index": 2, "time": 12, "process": 0, "type": "invoke", "f": "cas", "key": "r0", "value": [1, 2]},
    {"index": 3, "time": 14, "process": 0, "type": "ok", "f": "cas", "key": "r0", "value": [1, 2], "actual": 7},
]
OURS = "".join(json.dumps(line) + "\n" for line in LINES)


pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")


def checked(capsys: pytest.CaptureFixture[str], text: str | bytes, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, the object of --json (empty where there is none), stderr."""
    Path("history").write_bytes(text.encode() if isinstance(text, str) else text)
    code = command("check", "history", "--json", *arguments)
    out, err = capsys.readouterr()
    return code, json.loads(out.splitlines()[-1]) if out else {}, err


FAR = '{"index":0,"time":99999999999999999999999,"process":0,"type":"invoke","f":"read","key":"k","value":null}\n'
TXN = """{:process 0 :type :invoke :f :txn :value [[:w :x 1]]}
{:process 0 :type :ok :f :txn :value [[:w :x 1]]}
{:process 0 :type :invoke :f :txn :value [[:r :x nil]]}
{:process 0 :type :ok :f :txn :value [[:r :x 1]]}
"""


@pytest.mark.parametrize(
    ("text", "arguments", "code", "format_"),
    [
        (EDN, ["--model", "register"], 1, "jepsen-edn"),
        (EDN.replace(":value 2", ":value 1"), ["--model", "cas-register"], 0, "jepsen-edn"),
        (NIL, ["--model", "register"], 0, "jepsen-edn"),
        (NIL, ["--model", "register", "--nil-reads", "value"], 1, "jepsen-edn"),
        (LOG, ["--model", "cas-register"], 0, "jepsen-log"),
        (KV, ["--model", "kv"], 0, "porcupine-kv"),
        (TXN, ["--model", "multi-register"], 0, "jepsen-edn"),
        (TXN, ["--model", "rw-register"], 0, "elle-edn"),
        (KV, ["--model", "kv", "--initial", '"b"'], 1, "porcupine-kv"),
        (KV, ["--model", "kv", "--format", "porcupine-kv", "--jobs", "1"], 0, "porcupine-kv"),
        (OURS, ["--model", "cas-register"], 1, "raftstorm"),
        ("\ufeff" + OURS.replace("\n", "\r\n"), ["--model", "cas-register"], 1, "raftstorm"),
        ("\ufeff; a comment\r\n" + EDN.replace("\n", "\r\n"), ["--model", "register"], 1, "jepsen-edn"),
    ],
)
def test_verdicts(text: str, arguments: list[str], code: int, format_: str, capsys: pytest.CaptureFixture[str]) -> None:
    found, said, _ = checked(capsys, text, *arguments)
    assert (found, said["format"], said["model"], said["source"]) == (code, format_, arguments[1], "history")


def several_modes(mode_of_last: str) -> str:
    """Ten times a write, a compare-and-set and four reads of its value in each mode; at last a read of what is old."""
    events: list[dict[str, Any]] = []

    def done(process: int, f: str, value: Any, log_index: int, mode: str | None = None) -> None:
        asked = {} if mode is None else {"read": mode}
        seen = {"log_index": log_index, "node": "n1"} | ({"min_index": 0} if mode == "sequential" else {})
        for type_ in ("invoke", "ok"):
            place = {"index": len(events), "time": len(events), "process": process, "type": type_}
            known = {"value": value, **seen} if type_ == "ok" else {"value": None if f == "read" else value}
            events.append({**place, "f": f, "key": "r1", **known, **asked})

    for number in range(10):
        done(0, "write", 10 * number, 2 * number + 1)
        done(1, "cas", [10 * number, 10 * number + 1], 2 * number + 2)
        for process, mode in enumerate(("linearizable", "sequential", "stale"), start=2):
            for _ in range(4):
                done(process, "read", 10 * number + 1, 2 * number + 2, mode)
    done(9, "read", 21, 6, mode_of_last)
    return "".join(json.dumps(event) + "\n" for event in events)


@pytest.mark.parametrize(("mode", "code"), [("linearizable", 1), ("sequential", 0), ("stale", 0)])
def test_each_of_several_read_modes_is_judged_by_its_own_promise(
    mode: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    found, said, err = checked(capsys, several_modes(mode))
    assert found == code, err
    names = [checker["checker"] for checker in said["checkers"]]
    assert "register: read-consistency (stale reads)" in names
    assert "register: linearizable (linearizable reads)" in names
    assert {a["checker"].rpartition(" (")[2] for a in said["anomalies"]} == ({"linearizable reads)"} if code else set())


def test_a_read_mode_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = checked(capsys, several_modes("stale").replace("sequential", "eventual"))
    assert code == 3
    assert "asked for as eventual: there are linearizable, lease, sequential, stale." in err


def test_the_object_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    _, said, _ = checked(capsys, "\n\n" + EDN, "--model", "register")
    assert said["verdict"] == "invalid"
    assert said["operations"] == {"total": 2, "ok": 2, "fail": 0, "info": 0}
    assert "zones" in said["algorithm"]
    assert isinstance(said["seconds"], float)
    (anomaly,) = said["anomalies"]
    assert (anomaly["kind"], anomaly["operations"], anomaly["lines"]) == ("read-of-never-written-value", [2], [5])
    assert "process 1 read 2" in anomaly["text"]


def test_piped_in(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(EDN.encode())))
    assert command("check", "-", "--model", "register", "--json") == 1
    assert json.loads(capsys.readouterr().out)["source"] == "standard input"


def test_explained(capsys: pytest.CaptureFixture[str]) -> None:
    Path("history").write_text(OURS)
    assert command("check", "history", "--model", "cas-register", "--explain") == 1
    assert "order in time" in capsys.readouterr().out


def test_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    checked(capsys, EDN, "--model", "register", "--out", "report.html")
    page = Path("report.html").read_text()
    assert "judged as register" in page
    assert 'id="contradiction-1"' in page
    assert 'id="leaders"' not in page
    assert command("check", "history", "--model", "register", "--out", "no/such/folder.html") == 3


@pytest.mark.parametrize(
    ("text", "arguments", "sentence"),
    [
        ("", ["--model", "register"], "line 1: there is nothing in it"),
        (OURS, ["--initial", "0"], "--initial says something about a model: name it with --model."),
        (OURS, ["--nil-reads", "value"], "--nil-reads says something about a model: name it with --model."),
        (OURS, ["--model", "register", "--time-limit", "nan"], "nan is no number of seconds"),
        (FAR, ["--model", "register"], "line 1: not an event: Expected `int` <= 4611686018427387904"),
        ("\n \n", ["--model", "register"], "line 1: there is nothing in it"),
        (b"\x89PNG\r\n\x1a\n\0", ["--model", "register"], "line 1: not UTF-8"),
        (b"GIF89a\0\1", ["--model", "register"], "line 1: a NUL byte"),
        ("once upon a time\n", ["--model", "register"], "line 1: it begins with 'once upon a time', as no format"),
        ('{"a": 1}\n', ["--model", "register"], "line 1: not an event"),
        ("[1 2 3]", ["--model", "register"], "line 1: 1 is EDN, but no event"),
        ("[]", ["--model", "register"], "line 1: there is no operation of a client in it"),
        (EDN[:90], ["--model", "register"], "line 2: the text ends where } is missing"),
        (EDN[:-3], ["--model", "register"], "line 4: the text ends where } is missing"),
        (OURS[:40], ["--model", "register"], "line 1: not an event"),
        (OURS + "{]\n", ["--model", "cas-register"], "line 5: not an event"),
        (OURS + "oops", ["--model", "cas-register"], "line 5: not an event"),
        (OURS, ["--model", "register"], "line 3: a register has no 'cas', but read, write"),
        (OURS.replace("[1, 2]", "[1]"), ["--model", "cas-register"], "line 3: a cas needs [expected, new], not [1]"),
        (OURS.replace("[1, 2]", "[" * 500 + "]" * 500), ["--model", "cas-register"], "line 3: more than 100 brackets"),
        (
            OURS.replace("[1, 2]", "[" * 5000 + "]" * 5000),
            ["--model", "cas-register"],
            "line 3: not an event",
        ),
        (KV, ["--model", "register"], "line 1: a register has no 'get', but read, write"),
        (EDN, ["--model", "register", "--format", "raftstorm"], "line 1: not an event"),
        (EDN, ["--model", "register", "--format", "jepsen-log"], "line 1: no line of the form"),
        (EDN, ["--model", "register", "--format", "porcupine-kv"], "line 1: an event without :key"),
        (EDN, ["--model", "register", "--format", "elle-edn"], "line 1: 1 is no list of [:append k v]"),
        (LOG, ["--model", "register", "--format", "jepsen-edn"], "line 1: 'INFO' is not a map"),
        (OURS, ["--model", "register", "--format", "jepsen-edn"], "line 1: ':' is no EDN"),
        (ELLE, ["--model", "register"], "line 1: a register has no 'txn', but read, write"),
        (EDN, [], "name it with --model, one of register"),
        (EDN, ["--model", "registr"], "no model named 'registr': did you mean 'register'?"),
        (EDN, ["--model", "register", "--format", "jepsen-end"], "no format named 'jepsen-end': did you mean"),
        (EDN, ["--model", "register", "--initial", "abc"], "--initial takes a JSON value"),
        (KV, ["--model", "kv", "--initial", "0"], "A kv cannot begin with 0: its initial value is a string"),
        (EDN, ["--model", "register", "--jobs", "0"], "Invalid value for '--jobs'"),
        (EDN, ["--model", "register", "--time-limit", "-1"], "Invalid value for '--time-limit'"),
    ],
)
def test_bad_input(text: str | bytes, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, said, err = checked(capsys, text, *arguments)
    assert (code, said) == (3, {})
    assert sentence in err
    assert len(err.strip().splitlines()) == 1


def test_no_time_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    assert checked(capsys, APPENDS + KV, "--model", "kv", "--time-limit", "0.000001")[0] == 2


def test_no_such_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("check", "nowhere.edn", "--model", "register") == 3
    assert "There is no file nowhere.edn, and no run of that name in results/runs." in capsys.readouterr().err


def test_a_run_by_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    """What it was judged before is left as it is."""
    folder = Path("results/runs/one")
    folder.mkdir(parents=True)
    (folder / "history.jsonl").write_text(OURS)
    assert command("check", "one", "--model", "cas-register", "--json") == 1
    assert json.loads(capsys.readouterr().out)["source"].endswith("one/history.jsonl")
    assert [path.name for path in folder.iterdir()] == ["history.jsonl"]


def test_export(capsys: pytest.CaptureFixture[str]) -> None:
    Path("history").write_text(OURS)
    assert command("export", "history") == 0
    assert ":f :read, :value 7" in capsys.readouterr().out
    assert command("export", "history", "--format", "jepsen-edn", "--out", "ours.edn") == 0
    assert command("check", "ours.edn", "--model", "cas-register", "--json") == 1
    assert command("export", "history", "--format", "edn") == 3
    assert command("export", "history", "--key", "r7") == 3
    assert "there is no operation on the key 'r7'" in capsys.readouterr().err


MODELS = {"porcupine-etcd": ("cas-register", "null"), "porcupine-kv": ("kv", '""'), "knossos": ("cas-register", "0")}


def recorded() -> Iterator[Any]:
    if not SHARED.is_dir():
        absent = pytest.mark.skip(reason="no recorded histories in ../shared/histories")
        yield pytest.param("", "", "", "", marks=absent)
        return
    for kind, (model, initial) in MODELS.items():
        for row in (SHARED / kind / "verdicts.tsv").read_text().splitlines():
            name, *_, verdict = row.split("\t")
            yield pytest.param(str(SHARED / kind / name), model, initial, verdict, id=name)


@pytest.mark.parametrize(("path", "model", "initial", "verdict"), list(recorded()))
def test_recorded(path: str, model: str, initial: str, verdict: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = command("check", path, "--model", model, "--initial", initial, "--json")
    said = json.loads(capsys.readouterr().out)
    assert (said["verdict"], code) == (verdict, {"valid": 0, "invalid": 1}[verdict])
    assert command("export", path, "--out", "again.edn") == 0
    assert command("check", "again.edn", "--model", model, "--initial", initial) == code


def test_times_that_are_no_runs_make_no_endless_report(tmp_path: Path) -> None:
    wall = OURS.replace('"time": ', '"time": 17640000000000000')
    path, page = tmp_path / "wall.jsonl", tmp_path / "page.html"
    path.write_text(wall)
    command("check", str(path), "--model", "cas-register", "--out", str(page))
    assert page.stat().st_size < 10_000_000
