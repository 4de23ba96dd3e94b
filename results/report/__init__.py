"""The report of a run, or of a history by itself: one page, report.html, that stands alone.

A map of the code, in reading order:

    values.py      foreign values (of histories, logs, verdicts) made safe to show
    source.py      the run folder read, whatever is missing or cut
    faults.py      nemesis events paired into faults with their time in force
    leadership.py  who led when, and each node's clock offset, from traces or the monitor's polls
    wording.py     verdicts, promises and operations in plain words
    scale.py       a time axis that keeps order exact and lets short operations be seen
    drawing.py     the contradicting operations of an anomaly, laid out to be drawn
    columns.py     the whole history as columns for the explorer
    messages.py    messages between nodes, as many as a page can hold, for a Lamport diagram
    charts.py      latency, throughput, leaders and clocks as series
    page.py        all of it into the template

What is drawn by the template (page.html.j2, style.css) can be read and printed without scripts; explorer.js,
messages.js and charts.js add the history explorer, the diagram of messages and the charts. Nothing is loaded from a
network: scripts are inlined, plotly's from the installed package, and a content security policy lets only these scripts
run, whatever a value may hold.
"""

from results.report.page import render, render_lone

__all__ = ["render", "render_lone"]
