"use strict";
// The charts (plotly): all share the run's time and zoom together; above each plot a row for every kind of fault names
// what is shaded below.
(() => {
  const data = Raftstorm.read("charts-data"), H = RunHistory, faults = H.data.faults;
  const MOST_POINTS = 4000, DASHES = { ok: "solid", fail: "dash", info: "dot" }, OUTCOMES = ["ok", "fail", "info"];
  const colour = Raftstorm.colour, end = Math.max(data.end, 0.001);
  const charts = [];

  document.querySelectorAll("[data-bucket]").forEach((item) => { item.textContent = `${data.buckets[item.dataset.bucket]} s`; });

  const kindColour = (kind) => colour(`kind-${(faults.find((fault) => fault.kind === kind) || { colour: 7 }).colour}`);
  const shownKinds = data.kinds.filter((kind) => faults.some((fault) => fault.kind === kind));

  // The rows that name the faults, as one trace a kind on the axis y9, and the shades in the plots.
  function faultRows() {
    const rows = shownKinds.map((kind) => segments(faults.filter((fault) => fault.kind === kind).map((fault) => ({
      from: fault.from / 1e6, to: fault.to / 1e6, row: kind,
      text: `${plain(fault.name)}<br>${(fault.from / 1e6).toFixed(3)} s to ${fault.lifted ? `${(fault.to / 1e6).toFixed(3)} s` : "the end"}`,
    })), kindColour(kind), 9, kind));
    return data.phases.length ? [...phaseRow(), ...rows] : rows;
  }

  // Phases in turn dark and light, named where there is room.
  function phaseRow() {
    const spans = data.phases.map((phase) => ({ ...phase, row: "phase", text: `${plain(phase.name)}<br>${phase.from.toFixed(1)} s to ${phase.to.toFixed(1)} s` }));
    const wide = data.phases.filter((phase) => (phase.to - phase.from) / end * 1100 > phase.name.length * 6.5 + 8);
    const names = { x: wide.map((phase) => (phase.from + phase.to) / 2), y: wide.map(() => "phase"), text: wide.map((phase) => plain(phase.name)), yaxis: "y9", mode: "text", type: "scatter", textfont: { size: 10.5, color: colour("ink") }, hoverinfo: "skip", showlegend: false };
    return [segments(spans.filter((_, k) => k % 2 === 0), colour("line"), 14, "phase"), segments(spans.filter((_, k) => k % 2), colour("raised"), 14, "phase"), names];
  }

  // Bars as thick lines: [from, to, gap] for each, with a point in the middle to hover over.
  function segments(spans, line, wide, name, axis = "y9") {
    const x = [], y = [], text = [];
    for (const span of spans) {
      x.push(span.from, (span.from + span.to) / 2, span.to, null);
      y.push(span.row, span.row, span.row, null);
      text.push(span.text, span.text, span.text, null);
    }
    return { x, y, text, yaxis: axis, type: "scatter", mode: "lines", line: { color: line, width: wide }, hovertemplate: "%{text}<extra></extra>", showlegend: false, name, connectgaps: false };
  }

  function shades(bottom, top) {
    return faults.map((fault) => ({
      type: "rect", xref: "x", yref: "paper", x0: fault.from / 1e6, x1: fault.to / 1e6, y0: bottom, y1: top,
      fillcolor: colour(`kind-${fault.colour}`), opacity: 0.065, line: { width: 0 }, layer: "below",
    }));
  }

  // Plotly reads a small set of tags in texts.
  function plain(text) { return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;"); }

  function layout(height, yaxis, more = {}) {
    const rows = shownKinds.length + (data.phases.length ? 1 : 0), share = rows ? (rows * 17 + 6) / (height - 100) : 0;
    const top = Math.max(0.3, 1 - share - 0.02), axis = { gridcolor: colour("line"), zerolinecolor: colour("line"), linecolor: colour("line"), automargin: true };
    return {
      height, margin: { l: 90, r: 16, t: 30, b: 70 }, modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("soft"), activecolor: colour("ink") }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12.5, color: colour("ink") },
      hoverlabel: { bgcolor: colour("surface"), bordercolor: colour("soft"), font: { color: colour("ink") }, align: "left" },
      hovermode: "closest", dragmode: "zoom", legend: { orientation: "h", y: -30 / (height - 100), x: 0, yanchor: "top" },
      xaxis: { ...axis, range: [0, end * 1.01], ticksuffix: " s", anchor: "free", position: 0, automargin: false },
      yaxis: { ...axis, domain: [0, top], fixedrange: true, ...yaxis },
      yaxis9: { domain: [top + 0.02, 1], fixedrange: true, type: "category", categoryarray: [...shownKinds, ...(data.phases.length ? ["phase"] : [])].reverse(), categoryorder: "array", showgrid: false, zeroline: false, range: [-0.6, rows - 0.4], ticks: "", tickfont: { color: colour("soft"), size: 11.5 }, visible: rows > 0 },
      shapes: shades(0, 1), ...more,
    };
  }

  function latencyPoints(from, to) {
    const picked = thinned(from * 1e6, to * 1e6);
    const colours = { ok: colour("other"), fail: colour("fail"), info: colour("info") };
    return OUTCOMES.map((outcome, number) => {
      const own = picked.filter((i) => H.data.outcome[i] === number);
      return {
        x: own.map((i) => H.end[i] / 1e6), y: own.map((i) => Math.max(H.data.took[i], 1) / 1e3), customdata: own.map((i) => H.index[i]),
        text: own.map((i) => plain(`${H.word("key", i)} ${H.label(i)}`)), type: "scatter", mode: "markers", name: { ok: "ok", fail: "failed", info: "unknown" }[outcome],
        marker: { color: colours[outcome], size: outcome === "info" ? 7 : 4, symbol: { ok: "circle", fail: "x", info: "diamond" }[outcome], opacity: outcome === "ok" ? 0.4 : 0.9 },
        hovertemplate: "%{text}<br>%{y:.3f} ms at %{x:.3f} s, event %{customdata}<extra></extra>",
      };
    });
  }

  // Of many points, one for each cell of a fine grid in each outcome, and of those a scattered sample that keeps what is
  // rare or slow: the picture stays the same, the page stays quick. Zooming in picks again, so that in the end every
  // point can be seen.
  function thinned(from, to) {
    const inside = [], seen = new Set();
    for (let i = 0; i < H.count; i++) if (H.data.took[i] >= 0 && H.end[i] >= from && H.end[i] <= to) inside.push(i);
    if (inside.length <= MOST_POINTS) return inside;
    const kept = inside.filter((i) => {
      const column = Math.floor((H.end[i] - from) / (to - from) * 500), row = Math.floor(Math.log10(Math.max(H.data.took[i], 1)) * 40);
      const cell = (column * 1000 + row) * 4 + H.data.outcome[i];
      return !seen.has(cell) && seen.add(cell);
    });
    const slow = kept.map((i) => H.data.took[i]).sort((a, b) => a - b)[Math.floor(kept.length * 0.95)];
    const rare = (i) => H.data.outcome[i] !== 0 || H.data.took[i] > slow;
    const scattered = (i) => (Math.imul(i, 2654435761) >>> 0) / 2 ** 32;
    return kept.filter((i) => scattered(i) < MOST_POINTS / kept.length * (rare(i) ? 4 : 1));
  }

  function latencyChart([from, to]) {
    const lines = ["p99", "p95", "p50"].map((name) => ({
      x: data.latency.time, y: data.latency[`${name}_ms`], type: "scatter", mode: "lines", name, line: { color: colour(name), width: name === "p99" ? 1.5 : 2.2, shape: "hvh" }, connectgaps: false,
      hovertemplate: `${name} %{y:.3f} ms<extra></extra>`,
    }));
    return { traces: [...latencyPoints(from, to), ...lines, ...faultRows()], layout: layout(480, { type: "log", ticksuffix: " ms", dtick: 1 }) };
  }

  function throughputChart() {
    const lines = data.throughput.series.map((series) => ({
      x: data.throughput.time, y: series.rate, type: "scatter", mode: "lines", name: plain(`${series.f} ${{ ok: "ok", fail: "failed", info: "unknown" }[series.outcome]}`),
      line: { color: colour(["read", "write", "cas", "txn"].includes(series.f) ? series.f : "other"), dash: DASHES[series.outcome], width: series.outcome === "ok" ? 2 : 1.5 },
      hovertemplate: "%{fullData.name}: %{y:.1f} a second<extra></extra>",
    }));
    return { traces: [...lines, ...faultRows()], layout: layout(380, { rangemode: "tozero", ticksuffix: " /s" }) };
  }

  const nodeColour = (node) => colour(["write", "read", "kind-0", "cas", "kind-3", "kind-2", "kind-4", "kind-6"][Math.max(data.nodes.indexOf(node), 0) % 8]);

  function leadersChart() {
    const leading = data.nodes.map((node) => segments(data.leaders.filter((span) => span.node === node).map((span) => ({
      ...span, row: node, text: `${plain(node)} led term ${span.term}<br>${span.from.toFixed(3)} s to ${span.to.toFixed(3)} s`,
    })), nodeColour(node), 12, node, "y2"));
    const silent = segments(data.silent.map((span) => ({ ...span, row: span.node, text: `${plain(span.node)} did not answer the monitor<br>${span.from.toFixed(1)} s to ${span.to.toFixed(1)} s` })), colour("fail"), 3, "no answer", "y2");
    const wide = data.leaders.filter((span) => (span.to - span.from) / end > 0.035);
    const words = { x: wide.map((span) => (Math.max(span.from, 0) + span.to) / 2), y: wide.map((span) => span.node), text: wide.map((span) => `<b>${span.term}</b>`), yaxis: "y2", mode: "text", type: "scatter", textfont: { color: colour("surface"), size: 10.5 }, hoverinfo: "skip", showlegend: false };
    const steps = data.nodes.filter((node) => data.terms[node]).map((node) => ({
      x: data.terms[node].time, y: data.terms[node].term, type: "scatter", mode: "lines", name: plain(node), line: { color: nodeColour(node), shape: "hv", width: 1.8 },
      hovertemplate: `${plain(node)}: term %{y} from %{x:.3f} s<extra></extra>`,
    }));
    const made = layout(460, { title: { text: "term", font: { size: 12 } }, rangemode: "normal", tickformat: "d" });
    const top = made.yaxis.domain[1];
    made.yaxis2 = { domain: [0.46, top], fixedrange: true, type: "category", categoryarray: [...data.nodes].reverse(), categoryorder: "array", range: [-0.6, data.nodes.length - 0.4], gridcolor: colour("line"), title: { text: "leads", font: { size: 12 } } };
    made.yaxis.domain = [0, 0.4];
    return { traces: [silent, ...leading, words, ...steps, ...faultRows()], layout: made };
  }

  function clocksChart() {
    const nodes = data.nodes.filter((node) => data.offsets[node]);
    const most = Math.max(...nodes.map((node) => data.offsets[node].offset_ms.reduce((m, v) => Math.max(m, Math.abs(v)), 0)), 0);
    const [unit, scale] = most >= 2000 ? ["s", 1000] : ["ms", 1];
    const lines = nodes.map((node) => ({
      x: data.offsets[node].time, y: data.offsets[node].offset_ms.map((value) => value / scale), type: "scatter", mode: "lines", name: plain(node),
      line: { color: nodeColour(node), width: 1.8, shape: "hv" }, hovertemplate: `${plain(node)}: %{y:.3f} ${unit} at %{x:.3f} s<extra></extra>`,
    }));
    return { traces: [...lines, ...faultRows()], layout: layout(380, { ticksuffix: ` ${unit}`, zeroline: true, zerolinecolor: colour("soft") }) };
  }

  const CONFIG = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"] };
  let range = [0, end * 1.01], linking = false;

  function draw(chart) {
    const { traces, layout: made } = chart.make(range);
    made.xaxis.range = [...range];
    made.shapes = made.shapes.map((shape) => ({ ...shape, y1: made.yaxis2 ? made.yaxis2.domain[1] : made.yaxis.domain[1] }));
    linking = true;
    return Plotly.react(chart.element, traces, made, CONFIG).then(() => { linking = false; if (!chart.drawn) listen(chart); chart.drawn = true; });
  }

  // Zooming into one chart zooms all of them.
  function listen(chart) {
    chart.element.on("plotly_relayout", (change) => {
      if (linking) return;
      if (change["xaxis.autorange"]) range = [0, end * 1.01];
      else if ("xaxis.range[0]" in change) range = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
      else return;
      charts.filter((other) => other.drawn && other !== chart).forEach((other) => other.name === "latency" ? draw(other) : zoomTo(other));
      if (chart.name === "latency" || change["xaxis.autorange"]) draw(chart);
    });
    chart.element.on("plotly_click", (event) => {
      const index = event.points[0] && event.points[0].customdata;
      if (index !== undefined) { const i = H.byIndex(index); Explorer.setChosen([i]); Explorer.focusOn([i]); document.getElementById("history").scrollIntoView(); }
    });
  }

  function zoomTo(chart) {
    linking = true;
    Plotly.relayout(chart.element, { "xaxis.range": [...range] }).then(() => { linking = false; });
  }

  for (const [name, make] of [["latency", latencyChart], ["throughput", throughputChart], ["leaders", leadersChart], ["clocks", clocksChart]]) {
    const element = document.getElementById(`${name}-chart`);
    if (element) charts.push({ name, make, element, drawn: false });
  }
  // One after the other, so that the page answers in between; all before printing.
  function drawNext() {
    const next = charts.find((chart) => !chart.drawn);
    if (next) draw(next).then(() => setTimeout(drawNext));
  }
  setTimeout(drawNext);
  addEventListener("beforeprint", () => charts.filter((chart) => !chart.drawn).forEach(draw));
  Raftstorm.onTheme(() => charts.filter((chart) => chart.drawn).forEach(draw));
})();
