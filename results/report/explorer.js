"use strict";
// The history explorer: every operation as a bar in its row, on a canvas that pans and zooms; an overview above it.
const Explorer = (() => {
  const H = RunHistory, { data, call, end } = H;
  const $ = (id) => document.getElementById(id);
  const canvas = $("explorer"), overview = $("overview"), tooltip = $("tooltip");
  const GUTTER = 92, AXIS = 22, LANE = 17, ROW_MIN = 12, ROW_MAX = 24;
  const MONO = 'ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace';
  const STYLES = ["read", "write", "cas", "txn", "other", "fail", "info"];
  // Names from long to short: the longest that fits is written.
  const faults = data.faults.map((fault) => ({ ...fault, names: [fault.name, fault.brief, `${fault.id} ${fault.kind}`, fault.id] }));
  const leaders = data.leaders.map((span) => ({
    from: span.from * 1e6, to: span.to * 1e6, name: `${span.node} leads term ${span.term ?? "?"}`,
    names: [`${span.node} leads term ${span.term ?? "?"}`, `${span.node} term ${span.term ?? "?"}`, span.node],
  }));
  const faultLanes = Raftstorm.lanes(faults), leaderLanes = Raftstorm.lanes(leaders);
  const view = { from: 0, to: H.runEnd * 1.01, top: 0 };
  let rows = H.rowsBy("process"), colours = {}, width = 0, height = 0, matches = null, isMatch = null, current = -1, chosen = [], density = null;

  const style = Uint8Array.from({ length: H.count }, (_, i) => {
    if (data.outcome[i] === 1) return 5;
    if (data.outcome[i] >= 2) return 6;
    const known = STYLES.indexOf(H.word("f", i));
    return known >= 0 && known < 4 ? known : 4;
  });

  const laneCount = (lanes) => Math.min(lanes.reduce((most, lane) => Math.max(most, lane + 1), 0), 6);
  const headHeight = AXIS + (laneCount(faultLanes) + laneCount(leaderLanes)) * LANE + 6;
  const rowHeight = () => Math.max(ROW_MIN, Math.min(ROW_MAX, (height - headHeight) / Math.max(rows.length, 1)));
  const x = (time) => GUTTER + (time - view.from) / (view.to - view.from) * (width - GUTTER);
  const timeAt = (px) => view.from + (px - GUTTER) / (width - GUTTER) * (view.to - view.from);

  function resolveColours() {
    for (const name of [...STYLES, "ink", "soft", "line", "surface", "raised", "invalid", "link", ...Array.from({ length: 8 }, (_, k) => `kind-${k}`)]) colours[name] = Raftstorm.colour(name);
  }

  function prepare(target) {
    const ratio = devicePixelRatio || 1, box = target.getBoundingClientRect();
    const w = Math.round(box.width * ratio), h = Math.round(box.height * ratio);
    if (target.width !== w || target.height !== h) { target.width = w; target.height = h; }
    const context = target.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, box.width, box.height);
    return { context, w: box.width, h: box.height };
  }

  const redraw = Raftstorm.oncePerFrame(() => { draw(); drawOverview(); });

  function draw() {
    const { context, w, h } = prepare(canvas);
    width = w; height = h;
    const size = rowHeight();
    view.top = Math.max(0, Math.min(view.top, rows.length * size - (h - headHeight)));
    drawShades(context);
    context.save();
    context.beginPath(); context.rect(0, headHeight, w, h - headHeight); context.clip();
    const first = Math.floor(view.top / size), last = Math.min(rows.length, Math.ceil((view.top + h - headHeight) / size));
    for (let row = first; row < last; row++) drawRow(context, row, headHeight + row * size - view.top, size);
    context.restore();
    drawHead(context);
  }

  function drawShades(context) {
    faults.forEach((fault) => {
      const left = Math.max(GUTTER, x(fault.from)), right = Math.min(width, x(fault.to));
      if (right <= left - 1) return;
      context.fillStyle = colours[`kind-${fault.colour}`];
      context.globalAlpha = 0.055;
      context.fillRect(left, AXIS, Math.max(right - left, 1), height);
    });
    context.globalAlpha = 1;
  }

  // The first operation of a row that ends at or after a time. Operations of a row do not overlap.
  function firstVisible(operations, time) {
    let low = 0, high = operations.length;
    while (low < high) { const middle = (low + high) >> 1; if (end[operations[middle]] < time) low = middle + 1; else high = middle; }
    return Math.max(0, low - 1);  // one earlier: an unknown operation's tail may reach in
  }

  function drawRow(context, number, y, size) {
    const operations = rows[number].operations, rects = STYLES.map(() => []), dim = STYLES.map(() => []), marks = [], texts = [];
    const lastPixel = new Int32Array(STYLES.length * 2).fill(-1);
    for (let k = firstVisible(operations, view.from); k < operations.length; k++) {
      const i = operations[k];
      if (call[i] > view.to) break;
      const left = Math.max(x(call[i]), GUTTER), tail = H.isOpen(i) ? openTail(operations, k) : 0;
      const right = Math.min(x(end[i]) + tail, width + 4), wide = Math.max(right - left, data.outcome[i] ? 1.6 : 1);
      if (right < GUTTER) continue;
      const faded = isMatch !== null && !isMatch[i], s = style[i], pixel = Math.floor(right);
      if (H.isContradicting[i] || chosen.includes(i) || i === current) marks.push([left, wide, i]);
      if (wide < 1.7) { if (lastPixel[s * 2 + faded] === pixel) continue; lastPixel[s * 2 + faded] = pixel; }
      (faded ? dim : rects)[s].push(left, wide);
      if (wide > 24 && !faded) texts.push([left, wide, i]);
    }
    const gap = Math.max(1, size * 0.14);
    fillAll(context, dim, y + gap, size - 2 * gap, 0.16);
    fillAll(context, rects, y + gap, size - 2 * gap, 1);
    drawTexts(context, texts, y, size);
    drawMarks(context, marks, y, size);
    context.fillStyle = colours.surface; context.fillRect(0, y, GUTTER - 1, size);
    if (size >= 11 && rows[number].label) text(context, rows[number].label, GUTTER - 8, y + size / 2 + 4, colours.soft, 11, "right", GUTTER - 12);
  }

  // An unknown operation has no end: its bar goes on a little, as far as the next one of the row.
  function openTail(operations, k) {
    const next = k + 1 < operations.length ? x(call[operations[k + 1]]) : width;
    return Math.max(0, Math.min(14, next - x(end[operations[k]]) - 1));
  }

  function fillAll(context, groups, y, size, alpha) {
    groups.forEach((rects, s) => {
      if (!rects.length) return;
      context.fillStyle = colours[STYLES[s]];
      context.globalAlpha = alpha * (s === 5 ? 0.75 : 0.9);
      for (let k = 0; k < rects.length; k += 2) context.fillRect(rects[k], y, rects[k + 1], size);
    });
    context.globalAlpha = 1;
  }

  function drawTexts(context, texts, y, size) {
    if (size < 11) return;
    context.font = `10.5px ${MONO}`;
    for (const [left, wide, i] of texts) {
      const room = Math.floor((wide - 6) / 6.4), long = `${H.word("key", i)} ${H.label(i)}`.trim();
      const shown = [long, H.label(i), data.value[i]].find((candidate) => candidate && candidate.length <= room);
      if (!shown) continue;
      context.fillStyle = colours.surface;
      context.fillText(shown, left + 4, y + size / 2 + 4);
    }
  }

  function drawMarks(context, marks, y, size) {
    for (const [left, wide, i] of marks) {
      context.strokeStyle = i === current ? colours.link : H.isContradicting[i] ? colours.invalid : colours.ink;
      context.lineWidth = i === current || chosen.includes(i) ? 3 : 2;
      context.strokeRect(left - 1, y + 1, Math.max(wide, 3) + 2, size - 2);
    }
  }

  function text(context, words, px, py, colour, size, align = "left", most = Infinity) {
    context.font = `${size}px ${MONO}`;
    const room = Math.floor(most / (size * 0.61));
    context.fillStyle = colour; context.textAlign = align;
    context.fillText(words.length > room ? `${words.slice(0, Math.max(room - 1, 0))}…` : words, px, py);
    context.textAlign = "left";
  }

  function drawHead(context) {
    context.fillStyle = colours.surface; context.fillRect(0, 0, width, headHeight - 4);
    drawAxis(context);
    drawLanes(context, faults, faultLanes, AXIS, (fault) => colours[`kind-${fault.colour}`], "faults");
    drawLanes(context, leaders, leaderLanes, AXIS + laneCount(faultLanes) * LANE, () => colours.other, "leaders");
    context.strokeStyle = colours.line; context.lineWidth = 1;
    context.beginPath(); context.moveTo(0, headHeight - 3.5); context.lineTo(width, headHeight - 3.5);
    context.moveTo(GUTTER - 0.5, 0); context.lineTo(GUTTER - 0.5, height); context.stroke();
  }

  function drawLanes(context, spans, lanes, top, colourOf, name) {
    const shown = laneCount(lanes);
    if (shown) text(context, name, GUTTER - 8, top + 12, colours.soft, 11, "right");
    spans.forEach((span, k) => {
      const left = Math.max(GUTTER, x(span.from)), right = Math.min(width, x(span.to));
      if (lanes[k] >= shown || right < GUTTER || left > width) return;
      const wide = Math.max(right - left, 1.5);
      context.fillStyle = colourOf(span); context.globalAlpha = 0.35;
      context.fillRect(left, top + lanes[k] * LANE + 1, wide, LANE - 3);
      context.globalAlpha = 1;
      const words = span.names.find((name) => name.length * 6.1 <= wide - 8);
      if (words) text(context, words, left + 4, top + lanes[k] * LANE + 12, colours.ink, 10);
    });
  }

  function drawAxis(context) {
    context.strokeStyle = colours.line; context.lineWidth = 1;
    for (const { time, text: words } of Raftstorm.ticks(view, width)) {
      const px = x(time);
      if (px < GUTTER) continue;
      context.beginPath(); context.moveTo(px, 16); context.lineTo(px, AXIS); context.stroke();
      if (px < width - 30) text(context, words, Math.max(px, GUTTER + 26), 13, colours.soft, 11, "center");
    }
    text(context, "time", GUTTER - 8, 13, colours.soft, 11, "right");
  }

  // The overview: how many operations completed in each pixel, contradictions as red ticks, matches in blue.
  function drawOverview() {
    const { context, w, h } = prepare(overview), scale = (time) => GUTTER + time / (H.runEnd * 1.01) * (w - GUTTER);
    density = density && density.width === w ? density : measure(w);
    faults.forEach((fault) => {
      context.fillStyle = colours[`kind-${fault.colour}`]; context.globalAlpha = 0.085;
      context.fillRect(scale(fault.from), 0, Math.max(scale(fault.to) - scale(fault.from), 1), h);
    });
    context.globalAlpha = 1;
    for (let bin = 0; bin < density.bins; bin++) {
      let base = h - 4;
      [[0, "other"], [1, "fail"], [2, "info"]].forEach(([outcome, name]) => {
        const tall = density.counts[bin * 3 + outcome] / density.most * (h - 14);
        if (tall) { context.fillStyle = colours[name]; context.fillRect(GUTTER + bin * 2, base - tall, 1.6, tall); base -= tall; }
      });
    }
    const ticks = (list, colour) => { context.fillStyle = colour; list.slice(0, 5000).forEach((i) => context.fillRect(scale(call[i]) - 0.75, 0, 2, 9)); };
    if (matches) ticks(matches, colours.link);
    ticks(H.contradicting, colours.invalid);
    context.fillStyle = colours.ink; context.globalAlpha = 0.06;
    context.fillRect(scale(view.from), 0, scale(view.to) - scale(view.from), h);
    context.globalAlpha = 1; context.strokeStyle = colours.link; context.lineWidth = 1.5;
    context.strokeRect(scale(view.from) + 0.5, 0.75, Math.max(scale(view.to) - scale(view.from) - 1, 2), h - 1.5);
    text(context, "whole run", GUTTER - 8, 32, colours.soft, 11, "right");
  }

  function measure(w) {
    const bins = Math.max(1, Math.floor((w - GUTTER) / 2)), counts = new Float64Array(bins * 3);
    for (let i = 0; i < H.count; i++) {
      const bin = Math.min(bins - 1, Math.max(0, Math.floor(end[i] / (H.runEnd * 1.01) * bins)));
      counts[bin * 3 + Math.min(data.outcome[i], 2)]++;
    }
    let most = 1;
    for (let bin = 0; bin < bins; bin++) most = Math.max(most, counts[bin * 3] + counts[bin * 3 + 1] + counts[bin * 3 + 2]);
    return { width: w, bins, counts, most };
  }

  function show(from, to) {
    const least = 50, most = H.runEnd * 1.01;
    const span = Math.min(Math.max(to - from, least), most);
    view.from = Math.min(Math.max((from + to) / 2 - span / 2, 0), most - span);
    view.to = view.from + span;
    redraw();
  }

  function zoom(factor, around = (view.from + view.to) / 2) {
    show(around - (around - view.from) * factor, around + (view.to - around) * factor);
  }

  function showRow(i) {
    const size = rowHeight(), number = rows.findIndex((row) => row.operations.includes(i)), room = height - headHeight;
    if (number * size < view.top || (number + 1) * size > view.top + room) view.top = number * size - room / 2;
  }

  // The operation under a point, or near it, or a fault's or leader's bar.
  function hit(px, py) {
    if (px < GUTTER) return null;
    if (py < headHeight) return hitLane(px, py);
    const row = rows[Math.floor((py - headHeight + view.top) / rowHeight())];
    if (!row) return null;
    const time = timeAt(px), slack = 4 * (view.to - view.from) / (width - GUTTER);
    let best = -1, nearest = Infinity;
    for (let k = firstVisible(row.operations, time - slack); k < row.operations.length; k++) {
      const i = row.operations[k];
      if (call[i] > time + slack) break;
      const away = time < call[i] ? call[i] - time : Math.max(0, time - end[i] - (H.isOpen(i) ? 3 * slack : 0));
      if (away <= slack && away < nearest) { nearest = away; best = i; }
    }
    return best < 0 ? null : { operation: best };
  }

  function hitLane(px, py) {
    const lane = Math.floor((py - AXIS) / LANE), time = timeAt(px), of = laneCount(faultLanes);
    const [spans, lanes, number] = lane < of ? [faults, faultLanes, lane] : [leaders, leaderLanes, lane - of];
    const found = spans.findIndex((span, k) => lanes[k] === number && span.from <= time && time <= span.to);
    return found < 0 ? null : { span: spans[found] };
  }

  function sizeAndStart() {
    const wanted = Math.min(Math.max(headHeight + rows.length * 18 + 8, 220), 640);
    canvas.style.height = `${wanted}px`;
    density = null;
    redraw();
  }

  function setMatches(list, flags) { matches = list; isMatch = flags; current = -1; redraw(); }

  function focusOn(operations, pad = 0.4) {
    if (!operations.length) return;
    const from = Math.min(...operations.map((i) => call[i])), to = Math.max(...operations.map((i) => end[i]));
    const room = Math.max((to - from) * pad, 3000);
    draw();
    showRow(operations[operations.length - 1]);
    show(from - room, to + room);
  }

  function setRows(name) { rows = H.rowsBy(name); view.top = 0; sizeAndStart(); }

  Raftstorm.onTheme(() => { resolveColours(); redraw(); });
  addEventListener("resize", redraw);
  resolveColours();
  sizeAndStart();

  return {
    canvas, overview, tooltip, view, GUTTER, show, zoom, hit, timeAt, focusOn, setRows, setMatches, redraw,
    setCurrent: (i) => { current = i; }, setChosen: (list) => { chosen = list; redraw(); },
    scroll: (px) => { view.top += px; redraw(); },
    overviewTime: (px) => (px - GUTTER) / (overview.getBoundingClientRect().width - GUTTER) * H.runEnd * 1.01,
  };
})();
