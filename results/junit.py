"""junit.xml: the verdict for CI systems, one test case a checker.

Invalid is a failure, with the anomalies as its text. Unknown is an error and not a skipped test: a run that proves
nothing must not look green.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

from checkers.verdict import Verdict
from results.errors import StoreError
from results.store import RunFolder, write_atomically

MOST_ANOMALIES: Final = 50
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(run_folder: Path) -> Path:
    """Writes junit.xml beside verdict.json, from it. A run that was not judged gets one test case that says so."""
    folder = RunFolder(Path(run_folder))
    try:
        verdict = folder.verdict()
    except StoreError as error:
        verdict = _unjudged(str(error))
    write_atomically(folder.junit_path, junit(folder.name, verdict or _unjudged("The run was not judged.")))
    return folder.junit_path


def junit(name: str, verdict: Mapping[str, Any]) -> bytes:
    """The document, for a run of that name."""
    results = verdict.get("checkers") or []
    bad = [result.get("verdict") for result in results]
    suite = ElementTree.Element(
        "testsuite",
        name=_clean(f"raftstorm {name}"),
        tests=str(len(results)),
        failures=str(bad.count(Verdict.INVALID)),
        errors=str(sum(word not in (Verdict.INVALID, Verdict.VALID) for word in bad)),
        skipped="0",
        time=_clean(verdict.get("seconds", 0)),
    )
    _properties(suite, verdict)
    for result in results:
        _case(suite, name, result)
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    text: bytes = ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _unjudged(reason: str) -> dict[str, Any]:
    return {"checkers": [{"checker": "verdict", "verdict": Verdict.UNKNOWN, "reason": reason}]}


def _properties(suite: ElementTree.Element, verdict: Mapping[str, Any]) -> None:
    properties = ElementTree.SubElement(suite, "properties")
    for name in ("verdict", "seed", "run"):
        ElementTree.SubElement(properties, "property", name=name, value=_clean(verdict.get(name)))


def _case(suite: ElementTree.Element, name: str, result: Mapping[str, Any]) -> None:
    checker = _clean(result.get("checker", "checker"))
    seconds = _clean(result.get("seconds") or 0)
    case = ElementTree.SubElement(suite, "testcase", classname=_clean(f"raftstorm.{name}"), name=checker, time=seconds)
    anomalies = [anomaly for anomaly in result.get("anomalies") or [] if isinstance(anomaly, dict)]
    if result.get("verdict") == Verdict.INVALID:
        message = _clean(anomalies[0].get("text")) if anomalies else "invalid"
        ElementTree.SubElement(case, "failure", type=_kind(anomalies), message=message).text = _told(anomalies)
    elif result.get("verdict") != Verdict.VALID:
        reason = _clean(result.get("reason") or "unknown, without a reason")
        ElementTree.SubElement(case, "error", type="unknown", message=reason).text = reason


def _kind(anomalies: list[dict[str, Any]]) -> str:
    return _clean(anomalies[0].get("kind")) if anomalies else "invalid"


def _told(anomalies: list[dict[str, Any]]) -> str:
    lines = [_anomaly(anomaly) for anomaly in anomalies[:MOST_ANOMALIES]]
    if len(anomalies) > MOST_ANOMALIES:
        lines.append(f"... and {len(anomalies) - MOST_ANOMALIES} more")
    return "\n".join(lines)


def _anomaly(anomaly: Mapping[str, Any]) -> str:
    operations = anomaly.get("operations")
    events = f" (events {', '.join(map(str, operations))})" if isinstance(operations, list) and operations else ""
    return _clean(f"{anomaly.get('kind')}: {anomaly.get('text')}{events}")


def _clean(value: Any) -> str:
    """Text without the characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", str(value))
