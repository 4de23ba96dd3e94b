"""The page: everything put into the template.

Scripts run by their hash only (content security policy), and nothing is fetched: even if a value found a way around the
escaping, it could neither run nor call home.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import msgspec
from jinja2 import ChainableUndefined, Environment, FileSystemLoader
from markupsafe import Markup

from checkers.events import NEMESIS, EventType
from checkers.history import History
from checkers.verdict import Verdict
from results import availability
from results.report import charts, leadership, wording
from results.report.columns import OUTCOME_NAMES, columns, fault_rows
from results.report.contradictions import MOST_DRAWN, MOST_TOLD, Contradiction, anomalies, tell
from results.report.drawing import MOST_OPERATIONS, Scene, answered_ns, window
from results.report.faults import Fault, colour, kinds, pair
from results.report.messages import Picture, fault_bars, message_columns, picture
from results.report.reads import modes
from results.report.source import Material, lone, read
from results.report.values import inline, is_flat, mapping, mappings, microseconds, option, plain, pretty, show
from results.store import write_atomically

_HERE: Final = Path(__file__).parent
SCRIPTS: Final = (
    "page.js",
    "history.js",
    "explorer.js",
    "controls.js",
    "messages.js",
    "messages_controls.js",
    "charts.js",
)
_ORDER: Final = {Verdict.INVALID.value: 0, Verdict.UNKNOWN.value: 1, Verdict.VALID.value: 2}


def render(run_folder: Path) -> Path:
    """Writes report.html into the run folder and returns its path. What is missing from the folder, the page says.
    Raises StoreError where the folder cannot be written."""
    path = Path(run_folder)
    html = page(read(path))
    report = path / "report.html"
    write_atomically(report, html.encode("utf-8", "replace"))
    return report


def render_lone(path: Path, verdict: Mapping[str, Any], history: History) -> Path:
    """Writes the page of a history that stands alone. Raises StoreError where it cannot be written."""
    write_atomically(path, page(lone(verdict, history)).encode("utf-8", "replace"))
    return path


def page(material: Material) -> str:
    return _environment().get_template("page.html.j2").render(**_context(material))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=ChainableUndefined,  # verdict.json of another version must not spoil the report
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "seconds": wording.seconds_text,
        "duration": wording.duration_text,
        "size": wording.size_text,
        "plain": plain,
        "show": show,
        "pretty": pretty,
        "option": option,
        "inline": inline,
    }
    environment.tests |= {"flat": is_flat}
    environment.globals |= {"label": wording.label, "answered": answered_ns, "outcome_words": wording.outcome_words}
    return environment


def _context(material: Material) -> dict[str, Any]:
    nemesis = [event for event in material.events if event.process == NEMESIS]
    faults = pair(nemesis)
    samples = leadership.best(material)
    fault_kinds = kinds(faults)
    scene = Scene(faults, fault_kinds, leadership.leaders(samples), material.end_ns)
    verdict = material.verdict or {}
    word, sentence = wording.headline(material.verdict)
    contradictions = tell(material, scene)
    messages = _picture(material, contradictions, leadership.names(material, samples))
    return {
        **_assets(),
        "name": material.name,
        "lone": material.lone,
        "timed": material.timed,
        "line_of": material.line_of,
        "run": material.run,
        "verdict": verdict,
        "word": word,
        "sentence": sentence,
        "results": _results(verdict),
        "symbols": wording.SYMBOLS,
        "repeat": wording.repeat_command(material.run),
        "facts": _facts(material, faults),
        "missing": material.missing,
        "contradictions": contradictions,
        "messages": messages,
        "messages_json": None if messages is None else embedded(_messages(messages, scene, contradictions)),
        "most_drawn": MOST_DRAWN,
        "untold": max(0, len(anomalies(material.verdict)) - MOST_TOLD),
        "modes": modes(verdict),
        "faults": faults,
        "healings": [event for event in nemesis if event.fault is None and event.type is not EventType.INVOKE],
        "colours": {kind: colour(kind, fault_kinds) for kind in fault_kinds},
        "fault_table": mappings(verdict.get("faults")),
        "latencies": mappings(verdict.get("latencies")),
        **_availability(verdict, faults, fault_kinds, material.end_ns),
        "end_ns": material.end_ns,
        "logs": material.logs,
        "options": mapping(material.run.get("options")),
        "nodes": mappings(material.run.get("nodes")),
        "has_leaders": any(sample.role is not None for sample in samples),
        "has_offsets": any(sample.offset_ns is not None for sample in samples),
        "history_json": embedded(_history(material, scene)),
        "charts_json": embedded(_charts(material, scene, samples)),
    }


def _results(verdict: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The checkers' results, the worst first, each with what it promises."""
    results = [
        {**result, "promise": wording.promise(plain(result.get("checker")), mapping(result.get("details")))}
        for result in mappings(verdict.get("checkers"))
    ]
    return sorted(results, key=lambda result: _ORDER.get(str(result.get("verdict")), 1))


def _availability(
    verdict: Mapping[str, Any], faults: Sequence[Fault], fault_kinds: Sequence[str], end_ns: int
) -> dict[str, Any]:
    details = availability.availability(verdict)
    stretch_s = availability.stretch_s(details)
    return {
        "stretch_s": stretch_s,
        "strips": availability.strips(details),
        "fault_spans": availability.spans(faults, fault_kinds, end_ns, stretch_s),
        "normal_rate": details.get("normal_per_s"),
        "recovered": availability.by_fault(details),
        "recovery_kinds": availability.by_kind(details),
        "recovery_titles": [title for _, title in availability.RECOVERY],
    }


def _facts(material: Material, faults: Sequence[Fault]) -> list[tuple[str, str]]:
    """The run in numbers, counted in the history itself."""
    outcomes = [operation.outcome for operation in material.operations]
    counts = {outcome: outcomes.count(outcome) for outcome in (EventType.OK, EventType.FAIL, EventType.INFO)}
    effective = sum(fault.effective for fault in faults)
    of_the_run = [
        (f"{effective:,} of {len(faults):,}", "faults took effect"),
        (f"{len(mappings(material.run.get('nodes'))) or '–'}", "nodes"),
    ]
    return [
        (f"{len(outcomes):,}", "operations"),
        (f"{counts[EventType.OK]:,}", "ok"),
        (f"{counts[EventType.FAIL]:,}", "failed"),
        (f"{counts[EventType.INFO]:,}", "unknown"),
        *(of_the_run if not material.lone or faults else []),
        *([(f"{material.end_ns / 1e9:.1f} s", "of history")] if material.timed else []),
    ]


def _history(material: Material, scene: Scene) -> dict[str, Any]:
    contradicting = {
        index: number
        for number, anomaly in reversed([*enumerate(anomalies(material.verdict), 1)])
        for index in anomaly.get("operations") or []
        if isinstance(index, int)
    }
    return {
        **columns(material.operations),
        "outcomes": OUTCOME_NAMES,
        "end": material.end_ns // 1000,
        "faults": fault_rows(scene.faults, scene.kinds, material.end_ns),
        "leaders": charts.span_rows(scene.leaders),
        "anomalies": [[index, number] for index, number in contradicting.items()],
    }


def _picture(material: Material, contradictions: Sequence[Contradiction], names: Sequence[str]) -> Picture | None:
    """The messages, around the first contradiction that has operations."""
    if material.messages is None:
        return None
    focus = next((window(item.operations) for item in contradictions if item.operations), None)
    try:
        return picture(material.messages, names, focus)
    except OSError:
        return None  # it was there a moment ago: what is gone is not shown


def _messages(made: Picture, scene: Scene, contradictions: Sequence[Contradiction]) -> dict[str, Any]:
    stretch = made.stretch
    operations = [
        {
            "from": microseconds(operation.invoke.time),
            "to": None if (end := answered_ns(operation)) is None else microseconds(end),
            "text": f"process {operation.process}: {wording.label(operation)}",
            "key": "" if operation.key is None else plain(operation.key, 40),
            "index": operation.invoked,
            "number": f"{item.number}.{place}" if len(contradictions) > 1 else f"{place}",
        }
        for item in contradictions[:MOST_DRAWN]
        for place, operation in enumerate(item.operations[:MOST_OPERATIONS], 1)
        if operation.invoke.time <= stretch.end_ns and (answered_ns(operation) or stretch.end_ns) >= stretch.begin_ns
    ]
    return {**message_columns(made), "faults": fault_bars(made, scene), "operations": operations}


def _charts(material: Material, scene: Scene, samples: Sequence[leadership.Sample]) -> dict[str, Any]:
    width_s = charts.bucket_width_s(material.end_ns)
    latency_s = charts.latency_width_s(len(material.operations), material.end_ns)
    polls = leadership.polled(material)
    silent = [span for span in leadership.spans(polls) if span.role is None]
    return {
        "end": round(material.end_ns / 1e9, 6),
        "buckets": {"latency": latency_s, "throughput": width_s},
        "latency": charts.latency(material.operations, latency_s, material.end_ns),
        "throughput": charts.throughput(material.operations, width_s, material.end_ns),
        "nodes": leadership.names(material, samples),
        "leaders": charts.span_rows(scene.leaders),
        "silent": charts.span_rows(silent),
        "terms": charts.terms(samples),
        "offsets": charts.offsets(samples),
        "phases": charts.phases(material.verdict or {}, material.run),
        "kinds": scene.kinds,
    }


def embedded(data: Any) -> Markup:
    """JSON that no value in it can end: inside a script element only "<" could. Non-finite numbers become null."""
    return Markup(msgspec.json.encode(data).decode().replace("<", "\\u003c"))


@cache
def _assets() -> dict[str, Any]:
    """Style, scripts, and the policy that names the scripts by their hash."""
    scripts = [_plotly(), *((_HERE / name).read_text("utf-8") for name in SCRIPTS)]
    hashes = " ".join(f"'sha256-{_hash(script)}'" for script in scripts)
    policy = f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:"
    return {
        "style": Markup((_HERE / "style.css").read_text("utf-8")),
        "scripts": [Markup(script) for script in scripts],
        "policy": policy,
    }


def _plotly() -> str:
    """The bundle that the installed package carries; found without importing it, which would take a second."""
    bundle = files("plotly") / "package_data" / "plotly.min.js"
    return bundle.read_text("utf-8").replace("</script", "<\\/script")


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
