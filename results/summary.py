"""The end of a run, on the terminal: verdict, contradictions and tables, in the width that there is."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tabulate import tabulate

from checkers.verdict import Verdict
from results.availability import RECOVERY, availability, by_kind, gap_text, share_text
from results.report.reads import Mode, modes
from results.report.values import mapping, mappings, plain
from results.report.wording import SYMBOLS

MOST_ANOMALIES: Final = 3
NARROWEST: Final = 60
NARROWEST_REASON: Final = 16
UNTIMED: Final = "The file holds no times: where seconds are told, each event counts for a millisecond."


def summary(verdict: Mapping[str, Any], report: Path | None = None, *, width: int | None = None) -> str:
    """Text for people, out of the object of verdict.json. `width` in columns; None: as wide as the terminal is."""
    columns = max(width or shutil.get_terminal_size().columns, NARROWEST)
    parts = [
        _headline(verdict),
        *_contradictions(verdict, columns, report),
        _checkers(mappings(verdict.get("checkers")), columns),
        _read_modes(modes(verdict), columns),
        _operations(mapping(verdict.get("operations"))),
        _faults(mappings(verdict.get("faults")), columns),
        _recovery(by_kind(availability(verdict))),
        _served(mappings(availability(verdict).get("workloads"))),
        _latencies(mappings(verdict.get("latencies"))),
        UNTIMED if verdict.get("timed") is False else "",
        f"Report: {report}" if report is not None else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _headline(verdict: Mapping[str, Any]) -> str:
    word = plain(verdict.get("verdict") or "not judged", 20)
    symbol = SYMBOLS.get(word, "?")
    seed = f", seed {verdict['seed']}" if verdict.get("seed") is not None else ""
    run = verdict.get("run") or verdict.get("source")
    judged = f", {plain(verdict['format'], 40)} judged as {plain(verdict['model'], 40)}" if verdict.get("model") else ""
    return f"{symbol} {word.upper()}{seed}{f': {plain(run)}' if run else ''}{judged}"


def _contradictions(verdict: Mapping[str, Any], columns: int, report: Path | None) -> list[str]:
    anomalies = mappings(verdict.get("anomalies"))
    told = [_paragraph(f"{_what(a)}: {plain(a.get('text'), 1200)}", columns) for a in anomalies]
    more = len(told) - MOST_ANOMALIES
    return [*told[:MOST_ANOMALIES], *([f"  and {more} more{', in the report' if report else ''}"] if more > 0 else [])]


def _what(anomaly: Mapping[str, Any]) -> str:
    key = f" of {plain(anomaly['key'], 40)}" if anomaly.get("key") is not None else ""
    return f"{plain(anomaly.get('kind'))}{key}"


def _paragraph(text: str, columns: int) -> str:
    return textwrap.fill(text, columns, initial_indent="  ", subsequent_indent="    ")


def _checkers(results: Sequence[Mapping[str, Any]], columns: int) -> str:
    rows = [
        [_judged(result), plain(result.get("checker"), 40), result.get("operations"), _why(result)]
        for result in results
    ]
    return _table(["", "checker", "judged", "why"], rows, columns)


def _judged(result: Mapping[str, Any]) -> str:
    word = plain(result.get("verdict"), 20)
    return f"{SYMBOLS.get(word, '?')} {word}"


def _why(result: Mapping[str, Any]) -> str:
    anomalies = mappings(result.get("anomalies"))
    if result.get("verdict") == Verdict.INVALID and anomalies:
        kinds = dict.fromkeys(plain(anomaly.get("kind"), 40) for anomaly in anomalies)
        return f"{len(anomalies)} x {', '.join(kinds)}"
    return plain(result.get("reason") or result.get("algorithm") or "", 300)


def _read_modes(graded: Sequence[Mode], columns: int) -> str:
    """How consistent reads were, and how stale."""
    rows = [
        [mode.name, mode.stale_text, *(_quantile(mode, name) for name in ("p50", "p99", "max")), mode.sentence]
        for mode in graded
    ]
    return _table(["reads", "stale", "p50", "p99", "worst", "levels reached"], rows, columns)


def _quantile(mode: Mode, name: str) -> str:
    return "" if mode.milliseconds.get(name) is None else f"{mode.milliseconds[name]:,.1f} ms"


def _operations(counts: Mapping[str, Any]) -> str:
    if not counts:
        return ""
    names = {"total": "operations", "ok": "ok", "fail": "failed", "info": "unknown"}
    known = [(title, counts[name]) for name, title in names.items() if name in counts]
    return tabulate([[value for _, value in known]], headers=[title for title, _ in known], intfmt=",")


def _faults(faults: Sequence[Mapping[str, Any]], columns: int) -> str:
    rows = [
        [
            plain(row.get("kind"), 30),
            row.get("asked"),
            row.get("effective"),
            row.get("lifted"),
            plain(row.get("reason") or ""),
        ]
        for row in faults
    ]
    headers = ["fault", "asked", "effective", "lifted", "why one was not"]
    if not any(row[-1] for row in rows):
        headers, rows = headers[:-1], [row[:-1] for row in rows]
    return _table(headers, rows, columns)


def _recovery(kinds: Sequence[Mapping[str, Any]]) -> str:
    """How soon after faults the system served again."""
    rows = [[row["kind"], row["lifted"], *row["times"]] for row in kinds]
    headers = ["median, worst after", "faults", *(title for _, title in RECOVERY)]
    return tabulate(rows, headers=headers, disable_numparse=True) if rows else ""


def _served(workloads: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [plain(row.get("name"), 30), row.get("operations"), share_text(row.get("share")), gap_text(row)]
        for row in workloads
    ]
    headers = ["served", "operations", "share", "longest gap"]
    return tabulate(rows, headers=headers, intfmt=",", colalign=("left", "right", "right", "left")) if rows else ""


def _latencies(latencies: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [" ".join(plain(row.get(name), 30) for name in ("f", "read") if row.get(name)), row.get("count")]
        + [_milliseconds(row.get(name)) for name in ("p50_ms", "p95_ms", "p99_ms", "max_ms")]
        for row in latencies
    ]
    if not rows:
        return ""
    align = ("left", "right", "right", "right", "right", "right")
    return tabulate(rows, headers=["latency", "ok", "p50", "p95", "p99", "max"], colalign=align, intfmt=",")


def _milliseconds(value: Any) -> str:
    return f"{value:,.1f} ms" if isinstance(value, int | float) else ""


def _table(headers: Sequence[str], rows: Sequence[Sequence[Any]], columns: int) -> str:
    """A table whose last column is folded to what the others leave of the width. (Tabulate gives a header two columns
    more than its text.)"""
    if not rows:
        return ""
    widths = [_widest([f"{header}  ", *(row[place] for row in rows)]) for place, header in enumerate(headers)]
    room = max(columns - sum(widths[:-1]) - 2 * len(widths[:-1]), NARROWEST_REASON)
    folded = [[*row[:-1], "\n".join(textwrap.wrap(str(row[-1]), room))] for row in rows]
    return tabulate(folded, headers=headers, intfmt=",", disable_numparse=[len(headers) - 1])


def _widest(cells: Sequence[Any]) -> int:
    return max(len(f"{cell:,}" if isinstance(cell, int) else str(cell)) for cell in cells)
