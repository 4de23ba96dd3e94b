"use strict";
// Mouse, keyboard, search, legend and table for the diagram of messages.
(() => {
  if (MessageDiagram === null) return;
  const D = MessageDiagram, { svg, overview, view, data } = D, { at, drag, element, lines } = Raftstorm;
  const $ = (id) => document.getElementById(`message-${id}`), tooltip = $("tooltip");
  const MOST_ROWS = 200;
  let matches = [], place = -1;

  drag(svg,
    (px, py) => ({ px, py, from: view.from, to: view.to, moved: false }),
    (state, px, py) => {
      if (Math.abs(px - state.px) + Math.abs(py - state.py) > 4) state.moved = true;
      if (!state.moved) return;
      tooltip.hidden = true;
      const shift = (state.px - px) / (svg.clientWidth - D.GUTTER) * (state.to - state.from);
      move(state.from + shift, state.to + shift);
    },
    (state, px, py) => { if (!state.moved) choose(D.hit(px, py)); });

  drag(overview,
    (px) => ({ px, span: view.to - view.from }),
    (state, px) => { if (Math.abs(px - state.px) > 4) move(...[D.overviewTime(state.px), D.overviewTime(px)].sort((a, b) => a - b)); },
    (state, px) => { if (Math.abs(px - state.px) <= 4) move(D.overviewTime(px) - state.span / 2, D.overviewTime(px) + state.span / 2); });

  function move(from, to) { D.show(from, to); tableSoon(); }
  function zoom(factor, around) { D.zoom(factor, around); tableSoon(); }

  Raftstorm.wheel(svg, { view, show: move, zoom, timeAt: D.timeAt });
  svg.addEventListener("pointermove", (event) => { if (!event.buttons) hover(...at(event, svg)); });
  svg.addEventListener("pointerleave", () => { tooltip.hidden = true; D.setLit(-1); });

  function hover(px, py) {
    const found = D.hit(px, py);
    tooltip.hidden = !found;
    svg.style.cursor = found ? "pointer" : "";
    D.setLit(found && found.message !== undefined ? found.message : -1);
    if (!found) return;
    tooltip.replaceChildren(...about(found));
    Raftstorm.place(tooltip, svg, px, py);
  }

  function about(found) {
    if (found.about) return lines([element("b", { textContent: found.about[0] }), ...found.about.slice(1)]);
    const fields = Object.fromEntries(D.described(found.message));
    const rest = [`${fields.from} → ${fields.to}${fields.term === "–" ? "" : `, term ${fields.term}`}`, `sent at ${fields.sent}`, fields["what became of it"], `message ${fields.message}`];
    return lines([element("b", { textContent: fields.contents }), ...rest]);
  }

  function choose(found) {
    const i = found && found.message !== undefined ? found.message : -1;
    D.setChosen(i);
    $("chosen").replaceChildren(...(i < 0 ? [] : [described(i)]));
  }

  function described(i) {
    return element("dl", {}, ...D.described(i).map(([name, words]) => element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: `${words}` }))));
  }

  const keys = {
    ArrowLeft: () => pan(-0.15), ArrowRight: () => pan(0.15), "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1 / 0.6),
    Home: () => move(data.from, data.to), n: () => step(1), p: () => step(-1), Escape: () => { svg.blur(); tooltip.hidden = true; choose(null); },
  };
  function pan(share) { const shift = (view.to - view.from) * share; move(view.from + shift, view.to + shift); }
  svg.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });

  // Words that must all be there, in any order; field:words asks one field alone.
  const FIELDS = {
    from: (i) => data.nodes[data.sender[i]], to: (i) => data.nodes[data.receiver[i]], term: (i) => data.term[i] ?? "", message: (i) => data.number[i],
  };
  const fate = (i) => data.fate[i] === D.LOST ? "lost" : data.fate[i] === D.UNDER_WAY ? "under way" : data.again[i] ? "delivered again" : "delivered";
  const everything = (i) => `${D.text(i)} ${FIELDS.from(i)}→${FIELDS.to(i)} ${FIELDS.from(i)}->${FIELDS.to(i)} ${fate(i)} ${D.why(i)} ${data.number[i]}`.toLowerCase();
  function matcher(wanted) {
    const parts = wanted.toLowerCase().split(/\s+/).filter(Boolean).map((word) => {
      const [, name, value] = word.match(/^(\w+):(.*)$/) || [];
      return FIELDS[name] ? (i) => `${FIELDS[name](i)}`.toLowerCase() === value : (i) => everything(i).includes(word);
    });
    return (i) => parts.every((fits) => fits(i));
  }

  function search() {
    const wanted = $("search").value.trim();
    matches = []; place = -1;
    const flags = wanted ? new Uint8Array(D.count) : null, fits = wanted && matcher(wanted);
    if (wanted) for (let i = 0; i < D.count; i++) if (fits(i)) { matches.push(i); flags[i] = 1; }
    D.setMatches(flags);
    report();
  }

  function report() {
    const total = matches.length.toLocaleString("en");
    $("matches").textContent = !$("search").value.trim() ? "" : place < 0 ? `${total} found` : `${(place + 1).toLocaleString("en")} of ${total}`;
    tableSoon();
  }

  // The first step goes to the first match in view or after it.
  function step(by) {
    if (!matches.length) return;
    if (place < 0) { const next = matches.findIndex((i) => D.sent[i] >= view.from); place = by > 0 ? Math.max(next, 0) : (next < 0 ? matches.length : next) - 1; }
    else place += by;
    place = (place + matches.length) % matches.length;
    goTo(matches[place]);
    report();
  }

  function goTo(i) {
    const span = view.to - view.from;
    if (D.sent[i] < view.from || D.sent[i] > view.to) move(D.sent[i] - span / 3, D.sent[i] + span * 2 / 3);
    choose({ message: i });
  }

  function table() {
    if (!$("details").open) return;
    const wanted = $("search").value.trim() ? new Set(matches) : null, inView = D.inView().filter((i) => !wanted || wanted.has(i)), shown = inView.slice(0, MOST_ROWS);
    const head = ["", "sent", "from", "to", "contents", "term", "what became of it"].map((name) => element("th", { textContent: name, scope: "col" }));
    const body = shown.map((i) => {
      const fields = Object.fromEntries(D.described(i)), button = element("button", { type: "button", textContent: "show", ariaLabel: `Show message ${data.number[i]}`, onclick: () => goTo(i) });
      return element("tr", {}, element("td", {}, button), ...["sent", "from", "to", "contents", "term", "what became of it"].map((name) => element("td", { textContent: `${fields[name]}` })));
    });
    const left = inView.length - shown.length, note = inView.length ? `${shown.length.toLocaleString("en")} messages${left ? `; ${left.toLocaleString("en")} more in view are not listed` : ""}` : wanted ? "No matching message is in view." : "No message is in view.";
    $("table").replaceChildren(element("p", { className: "soft", textContent: note }), element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body)));
  }

  let waiting = 0;
  function tableSoon() { clearTimeout(waiting); waiting = setTimeout(table, 150); }

  function legend() {
    const item = (className, words) => element("li", {}, element("i", { className: `key ${className}` }), words);
    const shown = D.kinds.slice(0, D.kinds.length > D.KINDS ? D.KINDS - 1 : D.KINDS).map((kind, k) => item(`arrow m-${k}`, kind));
    if (D.kinds.length > D.KINDS) shown.push(item(`arrow m-${D.KINDS - 1}`, "other messages"));
    shown.push(item("lost", "lost"), item("leader", "leader"), item("candidate", "candidate"), item("follower", "follower"));
    $("legend").replaceChildren(...shown);
  }

  let typing = 0;
  $("search").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(search, 100); });
  $("search").addEventListener("keydown", (event) => {
    if (event.key === "Enter") { event.preventDefault(); clearTimeout(typing); if (place < 0) search(); step(event.shiftKey ? -1 : 1); }
  });
  $("next").addEventListener("click", () => step(1));
  $("previous").addEventListener("click", () => step(-1));
  $("in").addEventListener("click", () => zoom(0.5));
  $("out").addEventListener("click", () => zoom(2));
  $("first").addEventListener("click", () => move(...D.first));
  $("all").addEventListener("click", () => move(data.from, data.to));
  $("details").addEventListener("toggle", table);
  legend();
})();
