"use strict";
// The diagram of messages: each node a line, each message an arrow, drawn anew for every view. What is many is one path.
const MessageDiagram = (() => {
  if (!document.getElementById("messages-data")) return null;
  const data = Raftstorm.read("messages-data"), svg = document.getElementById("message-diagram"), overview = document.getElementById("message-overview");
  const GUTTER = 92, AXIS = 24, LANE = 19, BAND = 16, FEW_LABELS = 40, MANY = 500, VERY_MANY = 1500, KINDS = 8;
  const [UNDER_WAY, DELIVERED, LOST] = [0, 1, 2], count = data.count, nodes = data.nodes;
  const sent = new Float64Array(count);
  for (let i = 0, time = 0; i < count; i++) sent[i] = time += data.sent[i];
  const longest = data.took.reduce((most, took) => Math.max(most, took), 1);
  const until = sent.map((time, i) => data.took[i] < 0 ? Math.min(time + longest, data.to) : time + data.took[i]);
  const text = (i) => data.words.text[data.text[i]] || "message";
  const why = (i) => data.words.why[data.why[i]] || "";
  const kindOf = (words) => words.split(/[\s:(]/, 1)[0] || "message";
  const kinds = sorted(data.words.text.map(kindOf));
  const kindNumber = data.words.text.map((words) => Math.min(kinds.indexOf(kindOf(words)), KINDS - 1));
  const colourOf = (i) => kindNumber[data.text[i]] ?? 0;
  const faults = data.faults.filter((fault) => fault.to >= data.from && fault.from <= data.to).map((fault) => ({ ...fault, names: [fault.name, fault.brief, fault.id] }));
  const operations = data.operations.map((operation) => ({ ...operation, names: [`${operation.number}  ${operation.key} ${operation.text}`.trim(), operation.number] }));
  const faultLanes = Raftstorm.lanes(faults), faultRows = faultLanes.reduce((most, lane) => Math.max(most, lane + 1), 0);
  const operationRows = Math.min(operations.length, 4), top = AXIS + (faultRows + operationRows) * LANE + 8;
  const gap = nodes.length <= 3 ? 128 : nodes.length <= 5 ? 100 : 76, height = top + 34 + gap * Math.max(nodes.length - 1, 0) + 42;
  const view = { from: data.first[0], to: data.first[1] };
  let width = 1000, layer = null, hits = [], visible = [], isMatch = null, lit = -1, chosen = -1;

  // The kinds by how many messages they have, so that the most frequent have colours of their own.
  function sorted(all) {
    const counts = new Map();
    for (let i = 0; i < count; i++) { const kind = all[data.text[i]] || "message"; counts.set(kind, (counts.get(kind) || 0) + 1); }
    return [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a) || (a < b ? -1 : 1));
  }

  const x = (time) => GUTTER + (time - view.from) / (view.to - view.from) * (width - GUTTER);
  const timeAt = (px) => view.from + (px - GUTTER) / (width - GUTTER) * (view.to - view.from);
  const clampX = (time) => Math.max(GUTTER - 20, Math.min(width + 20, x(time)));
  const y = (node) => top + 34 + node * gap;

  function make(name, attributes, words) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    if (words !== undefined) made.textContent = words;
    return made;
  }
  function add(name, attributes, words) { const made = make(name, attributes, words); layer.append(made); return made; }
  const fitting = (names, room, size = 6.4) => names.find((name) => name.length * size <= room);

  const redraw = Raftstorm.oncePerFrame(() => { draw(); drawOverview(); });

  function draw() {
    width = Math.max(svg.getBoundingClientRect().width, 320);
    svg.setAttribute("height", height);
    const clip = make("clipPath", { id: "message-clip" });
    clip.append(make("rect", { x: GUTTER, y: 0, width: width - GUTTER, height }));
    const defs = make("defs", {}), fixed = make("g", {}), moving = make("g", { "clip-path": "url(#message-clip)" });
    defs.append(clip);
    hits = [];
    visible = [];
    for (let i = firstVisible(); i < count && sent[i] <= view.to; i++) if (until[i] >= view.from) visible.push(i);
    layer = moving;
    drawFaults(); drawOperations();
    const crosses = drawMessages();
    drawNodes(); drawCommits(); drawLit();
    crosses.forEach((path) => layer.append(path));
    if (visible.length <= FEW_LABELS) drawLabels();
    layer = fixed;
    drawGutter();
    svg.replaceChildren(defs, moving, fixed);
  }

  // Sends are sorted; one that takes long may reach in from before.
  function firstVisible() {
    const wanted = view.from - longest;
    let low = 0, high = count;
    while (low < high) { const middle = (low + high) >> 1; if (sent[middle] < wanted) low = middle + 1; else high = middle; }
    return low;
  }

  function drawFaults() {
    faults.forEach((fault, k) => {
      const left = clampX(fault.from), right = clampX(fault.to);
      if (right < GUTTER || left > width) return;
      add("rect", { class: `shade kind-${fault.colour}`, x: left, y: AXIS, width: Math.max(right - left, 1), height: height - AXIS - 22 });
      const py = AXIS + faultLanes[k] * LANE, begin = Math.max(left, GUTTER), shown = fitting(fault.names, Math.min(right, width) - begin - 8);
      add("rect", { class: `fault-bar kind-${fault.colour}`, x: left, y: py, width: Math.max(right - left, 2), height: LANE - 4, rx: 3 });
      if (shown) add("text", { class: "small", x: begin + 4, y: py + 11.5 }, shown);
      hits.push({ left, right: Math.max(right, left + 4), top: py, bottom: py + LANE - 4, about: [fault.name, `${Raftstorm.seconds(fault.from, 3)} to ${fault.lifted ? Raftstorm.seconds(fault.to, 3) : "the end"}`] });
    });
  }

  // The operations of contradictions, from call to answer, so that it can be seen what went on meanwhile.
  function drawOperations() {
    const first = AXIS + faultRows * LANE, free = Array.from({ length: operationRows }, () => -Infinity);
    operations.forEach((operation) => {
      const left = clampX(operation.from), right = Math.max(clampX(operation.to ?? data.to), left + 4), room = Math.min(right, width) - Math.max(left, GUTTER);
      if (right < GUTTER || left > width) return;
      for (const time of [operation.from, operation.to]) if (time !== null && time >= view.from && time <= view.to) add("line", { class: "moment", x1: x(time), x2: x(time), y1: first, y2: height - 22 });
      // Words that do not fit into the bar stand beside it, on the side that has room.
      const inside = fitting(operation.names, room - 8), words = inside === operation.names[0] ? inside : operation.names[0], wide = words.length * 6.4 + 8;
      const before = inside !== words && right + wide > width, spot = inside === words ? Math.max(left, GUTTER) + 4 : before ? left - 5 : right + 5;
      const from = before ? left - wide : left, to = inside === words || before ? right : right + wide;
      const lane = Math.max(free.findIndex((limit) => limit <= from), 0), py = first + lane * LANE;
      const silent = free[lane] > from;
      free[lane] = Math.max(free[lane], to + 4);
      add("rect", { class: "operation", x: left, y: py, width: right - left, height: LANE - 4, rx: Math.min(3, (right - left) / 2) });
      if (!silent) add("text", { class: "small", x: spot, y: py + 11.5, "text-anchor": before ? "end" : "start" }, words);
      hits.push({ left: left - 2, right: right + 2, top: py, bottom: py + LANE - 4, index: operation.index, about: [`${operation.key} ${operation.text}`.trim(), `part of the contradiction: operation ${operation.number}`, `${Raftstorm.seconds(operation.from)} to ${operation.to === null ? "…" : Raftstorm.seconds(operation.to)}, event ${operation.index}`] });
    });
  }

  function drawNodes() {
    for (const [node, from, to, role, term] of data.roles) {
      if (to < view.from || from > view.to) continue;
      const left = clampX(from), right = clampX(to), py = y(node) - BAND / 2, begin = Math.max(left, GUTTER), inTerm = term === null ? "" : ` · term ${term}`;
      const known = ["leader", "candidate", "pre-candidate", "learner"].includes(role) ? role : "";
      add("rect", { class: `role ${known}`, x: left, y: py, width: Math.max(right - left, 1), height: BAND, rx: Math.min(3, (right - left) / 2) });
      const shown = fitting([`${role}${inTerm}`, `${role} ${term ?? ""}`.trim(), `${term ?? ""}`, ""], Math.min(right, width) - begin - 8);
      if (shown) add("text", { class: "small", x: begin + 5, y: py + 12 }, shown);
      hits.push({ left, right, top: py, bottom: py + BAND, about: [`${nodes[node]}: ${role}${term === null ? "" : ` in term ${term}`}`, `${Raftstorm.seconds(from)} to ${Raftstorm.seconds(to)}`] });
    }
    for (const [node, from, to, what] of data.downs) {
      if (to < view.from || from > view.to) continue;
      const left = clampX(from), right = clampX(to), py = y(node) - BAND / 2, begin = Math.max(left, GUTTER);
      for (const edge of [left, right]) add("line", { class: `down-edge ${what}`, x1: edge, x2: edge, y1: py - 4, y2: py + BAND + 4 });
      const shown = fitting([what], Math.min(right, width) - begin - 8);
      if (shown) add("text", { class: "soft", x: begin + 6, y: py + 12 }, shown);
      hits.push({ left, right: Math.max(right, left + 4), top: py - 4, bottom: py + BAND + 4, about: [`${nodes[node]} ${what}`, `${Raftstorm.seconds(from)} to ${to >= data.to ? "the end" : Raftstorm.seconds(to)}`] });
    }
  }

  // From band to band. A lost message ends between the two, where it was when it was lost; without a time, half way.
  function ends(i) {
    const from = y(data.sender[i]), to = y(data.receiver[i]), side = to > from ? 1 : -1;
    const y1 = from + side * BAND / 2, whole = to - side * (BAND / 2 + 1);
    const arrived = data.fate[i] === DELIVERED;
    const x1 = x(sent[i]), x2 = x(until[i]);
    return { x1, y1, x2: arrived ? x2 : Math.max(x2, x1 + 3), y2: arrived ? whole : y1 + (whole - y1) * 0.55 };
  }

  const line = ({ x1, y1, x2, y2 }) => `M${x1.toFixed(1)} ${y1.toFixed(1)}L${x2.toFixed(1)} ${y2.toFixed(1)}`;
  function head({ x1, y1, x2, y2 }, size) {
    const length = Math.hypot(x2 - x1, y2 - y1) || 1, ux = (x2 - x1) / length, uy = (y2 - y1) / length, bx = x2 - ux * size, by = y2 - uy * size, half = size * 0.42;
    return `M${x2.toFixed(1)} ${y2.toFixed(1)}L${(bx - uy * half).toFixed(1)} ${(by + ux * half).toFixed(1)}L${(bx + uy * half).toFixed(1)} ${(by - ux * half).toFixed(1)}Z`;
  }
  const cross = ({ x2, y2 }, half) => `M${(x2 - half).toFixed(1)} ${(y2 - half).toFixed(1)}l${2 * half} ${2 * half}m0 ${-2 * half}l${-2 * half} ${2 * half}`;

  function drawMessages() {
    nodes.forEach((_, node) => add("line", { class: "rail", x1: GUTTER, x2: width, y1: y(node), y2: y(node) }));
    const many = visible.length > MANY ? " many" : "", size = visible.length > MANY ? 5 : 8, paths = new Map();
    const put = (className, d) => paths.set(className, (paths.get(className) || "") + d);
    for (const i of visible) {
      const place = ends(i), dim = isMatch && !isMatch[i] ? " dimmed" : "", lost = data.fate[i] !== DELIVERED;
      put(`arrow m-${colourOf(i)}${lost ? " lost" : ""}${many}${dim}`, line(place));
      if (data.fate[i] === LOST) put(`cross${dim}`, cross(place, visible.length > VERY_MANY ? 2 : 4));
      else if (!lost) put(`head m-${colourOf(i)}${many}${dim}`, head(place, size));
      if (isMatch && isMatch[i] && visible.length <= MANY) put("matching", line(place));
    }
    const order = (name) => name.startsWith("matching") ? 0 : name.includes("dimmed") ? 1 : 2;
    const sortedPaths = [...paths].sort((a, b) => order(a[0]) - order(b[0]));
    for (const [name, d] of sortedPaths) if (!name.startsWith("cross")) add("path", { class: name, d });
    return sortedPaths.filter(([name]) => name.startsWith("cross")).map(([name, d]) => make("path", { class: name, d }));
  }

  // A mark for each advance of a commit index, with the number where there is room.
  function drawCommits() {
    const last = nodes.map(() => -Infinity), marks = nodes.map(() => -Infinity);
    let d = "";
    for (const [node, time, index] of data.commits) {
      if (time < view.from || time > view.to) continue;
      const px = x(time), py = y(node) + BAND / 2 + 2, wide = index.length * 6.4 + 4;
      hits.push({ left: px - 3, right: px + 3, top: py - 1, bottom: py + 8, about: [`${nodes[node]} knows ${index} to be committed`, Raftstorm.seconds(time)] });
      if (px - marks[node] < (visible.length > VERY_MANY ? 5 : 1.5)) continue;
      marks[node] = px;
      d += `M${px.toFixed(1)} ${py}l3.4 6h-6.8Z`;
      if (visible.length > VERY_MANY || px - last[node] < wide) continue;
      last[node] = px;
      add("text", { class: "soft", x: px, y: py + 16, "text-anchor": "middle" }, index);
    }
    if (d) add("path", { class: "commit", d });
  }

  function drawLit() {
    for (const i of new Set([chosen, lit])) {
      if (i < 0 || !visible.includes(i)) continue;
      const place = ends(i);
      add("path", { class: "lit", d: line(place) });
      if (data.fate[i] === DELIVERED) add("path", { class: "lit-head", d: head(place, 10) });
    }
  }

  // What a message says, beside its middle, and on no band; where two would overlap, the later one stays silent.
  function drawLabels() {
    const taken = [];
    for (const i of visible) {
      if (isMatch && !isMatch[i]) continue;
      const { x1, y1, x2, y2 } = ends(i), words = text(i), shown = words.length > 44 ? `${words.slice(0, 43)}…` : words, wide = shown.length * 6.4 + 6;
      for (const share of [0.5, 0.35, 0.65, 0.2, 0.8, 0.28, 0.72, 0.42, 0.58]) {
        const px = Math.min(Math.max(x1 + (x2 - x1) * share + 7, GUTTER + 2), width - wide), py = y1 + (y2 - y1) * share, box = [px - 2, py - 8, px + wide, py + 7];
        if (x1 > width || x2 < GUTTER || nodes.some((_, node) => box[1] < y(node) + BAND / 2 && box[3] > y(node) - BAND / 2) || taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1])) continue;
        taken.push(box);
        add("rect", { class: "label-back", x: px - 2, y: py - 7, width: wide, height: 14, rx: 3 });
        add("text", { class: "small", x: px + 1, y: py + 4 }, shown);
        break;
      }
    }
  }

  function drawGutter() {
    for (const { time, text: words } of Raftstorm.ticks(view, width)) {
      const px = x(time);
      if (px < GUTTER) continue;
      add("line", { class: "tick", x1: px, x2: px, y1: 17, y2: AXIS });
      if (px < width - 30) add("text", { class: "soft", x: Math.max(px, GUTTER + 28), y: 13, "text-anchor": "middle" }, words);
    }
    const label = (words, py, className = "soft") => add("text", { class: className, x: GUTTER - 10, y: py, "text-anchor": "end" }, words);
    label("time", 13);
    if (faults.length) label("faults", AXIS + 11.5);
    if (operations.length) label("operations", AXIS + faultRows * LANE + 11.5);
    nodes.forEach((node, k) => label(node.length > 10 ? `${node.slice(0, 9)}…` : node, y(k) + 4.5, "name"));
    add("line", { class: "tick", x1: GUTTER - 0.5, x2: GUTTER - 0.5, y1: 0, y2: height });
  }

  function drawOverview() {
    const wide = overview.getBoundingClientRect().width || width, h = 44, bins = Math.max(1, Math.floor((wide - GUTTER) / 3));
    const scale = (time) => GUTTER + (time - data.from) / (data.to - data.from) * (wide - GUTTER);
    const counts = new Float64Array(bins), lost = new Float64Array(bins);
    for (let i = 0; i < count; i++) {
      const bin = Math.min(bins - 1, Math.max(0, Math.floor((sent[i] - data.from) / (data.to - data.from) * bins)));
      counts[bin]++;
      if (data.fate[i] === LOST) lost[bin]++;
    }
    const most = counts.reduce((a, b) => Math.max(a, b), 1), bars = ["", ""];
    counts.forEach((all, bin) => [all, lost[bin]].forEach((number, k) => { if (number) bars[k] += `M${GUTTER + bin * 3} ${h - 3}v${(-number / most * (h - 12)).toFixed(1)}h2.4V${h - 3}Z`; }));
    const parts = faults.map((fault) => make("rect", { class: `kind-${fault.colour}`, fill: "var(--tone)", opacity: 0.1, x: scale(Math.max(fault.from, data.from)), y: 0, width: Math.max(scale(Math.min(fault.to, data.to)) - scale(Math.max(fault.from, data.from)), 1), height: h }));
    parts.push(make("path", { class: "sent", d: bars[0] }), make("path", { class: "lost", d: bars[1] }));
    for (const operation of operations) if (operation.from >= data.from) parts.push(make("rect", { class: "mark", x: scale(operation.from) - 1, y: 0, width: 2, height: 8 }));
    parts.push(make("rect", { class: "window", x: scale(view.from), y: 0.75, width: Math.max(scale(view.to) - scale(view.from), 2), height: h - 1.5 }));
    const name = make("text", { x: GUTTER - 10, y: 26, "text-anchor": "end", "font-size": 11, fill: "var(--soft)", "font-family": "var(--mono)" }, "embedded");
    overview.replaceChildren(...parts, name);
  }

  function show(from, to) {
    const most = data.to - data.from, span = Math.min(Math.max(to - from, 20), most);
    view.from = Math.min(Math.max((from + to) / 2 - span / 2, data.from), data.to - span);
    view.to = view.from + span;
    redraw();
  }
  function zoom(factor, around = (view.from + view.to) / 2) { show(around - (around - view.from) * factor, around + (view.to - around) * factor); }

  // What is under a point: the nearest arrow, or else a band, a mark or a bar.
  function hit(px, py) {
    if (px < GUTTER) return null;
    const box = hits.findLast((item) => px >= item.left && px <= item.right && py >= item.top && py <= item.bottom);
    if (box) return box;
    let best = -1, nearest = 7;
    for (const i of visible) {
      const { x1, y1, x2, y2 } = ends(i), length = (x2 - x1) ** 2 + (y2 - y1) ** 2 || 1;
      const share = Math.max(0, Math.min(1, ((px - x1) * (x2 - x1) + (py - y1) * (y2 - y1)) / length));
      const away = Math.hypot(px - x1 - share * (x2 - x1), py - y1 - share * (y2 - y1));
      if (away < nearest) { nearest = away; best = i; }
    }
    return best < 0 ? null : { message: best };
  }

  const became = (i) => data.fate[i] === UNDER_WAY ? "was under way at the end" : `${data.fate[i] === LOST ? "lost" : data.again[i] ? "arrived again" : "arrived"} after ${Raftstorm.duration(data.took[i])}${why(i) ? `: ${why(i)}` : ""}`;
  function described(i) {
    return [
      ["message", data.number[i]], ["from", nodes[data.sender[i]]], ["to", nodes[data.receiver[i]]], ["contents", text(i)], ["term", data.term[i] ?? "–"],
      ["sent", Raftstorm.seconds(sent[i])], ["what became of it", became(i)], ["at", data.fate[i] === UNDER_WAY ? "–" : Raftstorm.seconds(until[i])],
    ];
  }

  Raftstorm.onTheme(redraw);
  addEventListener("resize", redraw);
  redraw();

  return {
    svg, overview, view, GUTTER, data, count, kinds, KINDS, text, described, became, hit, show, zoom, timeAt, redraw, sent, until, LOST, UNDER_WAY,
    inView: () => visible, first: data.first, why,
    setLit: (i) => { if (lit !== i) { lit = i; redraw(); } }, setChosen: (i) => { chosen = i; redraw(); }, setMatches: (flags) => { isMatch = flags; redraw(); },
    overviewTime: (px) => data.from + (px - GUTTER) / (overview.getBoundingClientRect().width - GUTTER) * (data.to - data.from),
  };
})();
