"use strict";
// Mouse, keyboard, search and jumps for the history explorer.
(() => {
  const H = RunHistory, E = Explorer, { canvas, overview, tooltip, view } = E;
  const { at, drag, lines } = Raftstorm;
  const $ = (id) => document.getElementById(id);
  const PAGE = 50;
  let matches = [], place = -1;

  drag(canvas,
    (px, py) => ({ px, py, from: view.from, to: view.to, y: py, moved: false }),
    (state, px, py) => {
      if (Math.abs(px - state.px) + Math.abs(py - state.py) > 4) state.moved = true;
      if (!state.moved) return;
      tooltip.hidden = true;
      const shift = (state.px - px) / (canvas.clientWidth - E.GUTTER) * (state.to - state.from);
      E.show(state.from + shift, state.to + shift);
      E.scroll(state.y - py);
      state.y = py;
    },
    (state, px, py) => { if (!state.moved) choose(E.hit(px, py)); });

  drag(overview,
    (px) => ({ px, span: view.to - view.from }),
    (state, px) => { if (Math.abs(px - state.px) > 4) E.show(...[E.overviewTime(state.px), E.overviewTime(px)].sort((a, b) => a - b)); },
    (state, px) => { if (Math.abs(px - state.px) <= 4) E.show(E.overviewTime(px) - state.span / 2, E.overviewTime(px) + state.span / 2); });

  Raftstorm.wheel(canvas, E);
  canvas.addEventListener("pointermove", (event) => { if (!event.buttons) hover(...at(event, canvas)); });
  canvas.addEventListener("pointerleave", () => { tooltip.hidden = true; });

  function hover(px, py) {
    const found = E.hit(px, py);
    tooltip.hidden = !found;
    canvas.style.cursor = found ? "pointer" : "";
    if (!found) return;
    tooltip.replaceChildren(...(found.span ? aboutSpan(found.span) : about(found.operation)));
    Raftstorm.place(tooltip, canvas, px, py);
  }

  function aboutSpan(span) {
    return lines([Raftstorm.element("b", { textContent: span.name }), `${Raftstorm.seconds(span.from, 3)} to ${span.lifted === false ? "the end (not seen lifted)" : Raftstorm.seconds(span.to, 3)}`]);
  }

  function about(i) {
    const fields = Object.fromEntries(H.described(i));
    const first = Raftstorm.element("b", { textContent: [fields.key, fields.operation].filter(Boolean).join("  ") });
    const who = `process ${fields.process}${fields.node ? ` on ${fields.node}` : ""}${fields["log index"] !== undefined ? `, log index ${fields["log index"]}` : ""}`;
    const rest = [`${fields.called} → ${fields.answered}`, who, `${fields.outcome}${fields.error ? `: ${fields.error}` : ""}`];
    if (fields.contradiction) rest.push(`part of contradiction ${fields.contradiction}`);
    return lines([first, ...rest]);
  }

  // A chosen operation's details stay below the canvas; a chosen fault leads to its evidence.
  function choose(found) {
    if (found && found.span && found.span.id !== undefined) {
      const details = [...document.querySelectorAll("[data-fault]")].find((item) => item.dataset.fault === found.span.id);
      if (details) { details.open = true; details.scrollIntoView({ block: "center" }); }
      return;
    }
    const operations = found && found.operation !== undefined ? [found.operation] : [];
    E.setChosen(operations);
    describe(operations);
  }

  function describe(operations) {
    $("chosen").replaceChildren(...operations.slice(0, 20).map((i) => {
      const fields = H.described(i).map(([name, text]) => Raftstorm.element("div", {}, Raftstorm.element("dt", { textContent: name }), Raftstorm.element("dd", { textContent: `${text}` })));
      return Raftstorm.element("dl", {}, ...fields);
    }));
  }

  const keys = {
    ArrowLeft: () => pan(-0.15), ArrowRight: () => pan(0.15), ArrowUp: () => E.scroll(-40), ArrowDown: () => E.scroll(40),
    "+": () => E.zoom(0.6), "=": () => E.zoom(0.6), "-": () => E.zoom(1 / 0.6), Home: showAll, n: () => step(1), p: () => step(-1),
    Escape: () => { canvas.blur(); tooltip.hidden = true; choose(null); },
  };
  function pan(share) { const shift = (view.to - view.from) * share; E.show(view.from + shift, view.to + shift); }
  function showAll() { E.show(0, H.runEnd * 1.01); }
  canvas.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });

  function search() {
    const fits = H.matcher($("search").value.trim());
    matches = []; place = -1;
    const flags = fits && new Uint8Array(H.count);
    if (fits) for (let i = 0; i < H.count; i++) if (fits(i)) { matches.push(i); flags[i] = 1; }
    E.setMatches(fits ? matches : null, flags);
    report();
  }

  function report() {
    const searching = $("search").value.trim() !== "";
    const total = matches.length.toLocaleString("en");
    $("matches").textContent = !searching ? "" : place < 0 ? `${total} found` : `${(place + 1).toLocaleString("en")} of ${total}`;
    table();
  }

  // From one match to the next; the view keeps its width unless it shows nearly everything.
  function step(by) {
    if (!matches.length) return;
    place = place < 0 ? (by > 0 ? 0 : matches.length - 1) : (place + by + matches.length) % matches.length;
    goTo(matches[place]);
    report();
  }

  function goTo(i) {
    const span = Math.min(view.to - view.from, Math.max(H.runEnd / 20, 20000));
    E.focusOn([i]);
    E.setCurrent(i);
    const middle = (H.call[i] + H.end[i]) / 2;
    E.show(middle - span / 2, middle + span / 2);
    describe([i]);
  }

  function table() {
    if (!$("match-details").open) return;
    const first = Math.max(0, Math.floor(Math.max(place, 0) / PAGE) * PAGE), shown = matches.slice(first, first + PAGE);
    const make = Raftstorm.element;
    const head = ["", "operation", "key", "process", "node", "called", "took", "outcome", "error"].map((name) => make("th", { textContent: name, scope: "col" }));
    const body = shown.map((i, k) => {
      const button = make("button", { type: "button", textContent: "show", ariaLabel: `Show event ${H.index[i]}`, onclick: () => { place = first + k; goTo(i); report(); } });
      const cells = [H.label(i), H.word("key", i), H.data.process[i], H.word("node", i), Raftstorm.seconds(H.call[i]), H.data.took[i] < 0 ? "" : Raftstorm.duration(H.data.took[i]), H.data.outcomes[H.data.outcome[i]], H.word("error", i)];
      return make("tr", {}, make("td", {}, button), ...cells.map((cell) => make("td", { textContent: `${cell}` })));
    });
    const note = make("p", { className: "soft", textContent: matches.length ? `${first + 1} to ${first + shown.length} of ${matches.length.toLocaleString("en")}` : "Nothing matches: type something into the search box." });
    $("match-table").replaceChildren(note, make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...body)));
  }

  let waiting = 0;
  $("search").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(search, H.count > 20000 ? 200 : 60); });
  $("search").addEventListener("keydown", (event) => {
    if (event.key === "Enter") { event.preventDefault(); clearTimeout(waiting); if (place < 0) search(); step(event.shiftKey ? -1 : 1); }
  });
  $("next").addEventListener("click", () => step(1));
  $("previous").addEventListener("click", () => step(-1));
  $("zoom-in").addEventListener("click", () => E.zoom(0.5));
  $("zoom-out").addEventListener("click", () => E.zoom(2));
  $("zoom-all").addEventListener("click", showAll);
  $("rows").addEventListener("change", (event) => E.setRows(event.target.value));
  $("match-details").addEventListener("toggle", table);

  // From a contradiction or a fault to its place in the history.
  document.addEventListener("click", (event) => {
    const jump = event.target.closest("[data-jump]"), span = event.target.closest("[data-span]");
    if (!jump && !span) return;
    event.preventDefault();
    $("history").scrollIntoView();
    if (span) { const [from, to] = span.dataset.span.split(",").map(Number); E.show(from - (to - from) * 0.1 - 1000, to + (to - from) * 0.1 + 1000); return; }
    const operations = jump.dataset.jump.split(",").map(Number).map(H.byIndex).filter((i) => i >= 0);
    E.setChosen(operations);
    E.focusOn(operations);
    describe(operations);
    canvas.focus({ preventScroll: true });
  });
})();
