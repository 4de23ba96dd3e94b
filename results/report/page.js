"use strict";
// Shared by the page's scripts: the embedded data, colours of the theme, theme switch, copying, log filters, and what
// timelines that pan and zoom have in common.
const Raftstorm = (() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const themeListeners = [];
  const probe = document.createElement("i");
  probe.hidden = true;
  document.body.append(probe);

  // A custom property with light-dark() has to be resolved by a real property.
  function colour(name) {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  }

  function element(tag, properties = {}, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  // However often it is called before the next frame, it is done once then.
  function oncePerFrame(act) {
    let scheduled = false;
    return () => {
      if (scheduled) return;
      scheduled = true;
      requestAnimationFrame(() => { scheduled = false; act(); });
    };
  }

  function isDark() {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  function setTheme(theme) {
    if (theme) document.documentElement.dataset.theme = theme;
    themeListeners.forEach((listener) => listener());
  }

  // A page opened from a file may be denied storage.
  function remembered(value) {
    try {
      if (value) localStorage.setItem("raftstorm-theme", value);
      return localStorage.getItem("raftstorm-theme");
    } catch { return null; }
  }

  function seconds(us, decimals = 6) { return `${(us / 1e6).toFixed(decimals)} s`; }

  function duration(us) {
    if (us >= 1e6) return `${+(us / 1e6).toPrecision(3)} s`;
    return us >= 1e3 ? `${+(us / 1e3).toPrecision(3)} ms` : `${us} µs`;
  }

  function filterLogs() {
    document.querySelectorAll(".log").forEach((log) => {
      const text = log.querySelector(".log-text"), count = log.querySelector(".log-count");
      let lines = null;
      log.querySelector(".log-filter").addEventListener("input", (event) => {
        lines ??= text.textContent.split("\n");
        const wanted = event.target.value.toLowerCase();
        const kept = wanted ? lines.filter((line) => line.toLowerCase().includes(wanted)) : lines;
        text.textContent = kept.join("\n");
        count.textContent = wanted ? `${kept.length.toLocaleString("en")} of ${lines.length.toLocaleString("en")} lines` : "";
      });
    });
  }

  function copy(button) {
    const source = document.getElementById(button.dataset.copy);
    const done = () => { button.textContent = "Copied"; setTimeout(() => { button.textContent = "Copy"; }, 1500); };
    const select = () => getSelection().selectAllChildren(source);
    navigator.clipboard ? navigator.clipboard.writeText(source.textContent).then(done, select) : select();
  }

  function openAll(button) {
    const all = [...document.querySelectorAll(`${button.dataset.open} details`)];
    const open = !all.every((details) => details.open);
    all.forEach((details) => { details.open = open; });
    button.textContent = open ? "Close all evidence" : "Open all evidence";
  }

  // A link to something folded away opens it.
  function reveal() {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.tagName === "DETAILS") { target.open = true; target.scrollIntoView(); }
  }

  // Timelines. Where an event is, relative to an element.
  function at(event, target) {
    const box = target.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  function drag(target, begin, move, finish = () => {}) {
    target.addEventListener("pointerdown", (down) => {
      if (down.button) return;
      target.setPointerCapture(down.pointerId);
      const state = begin(...at(down, target));
      const onMove = (event) => move(state, ...at(event, target));
      target.addEventListener("pointermove", onMove);
      target.addEventListener("pointerup", (up) => {
        target.removeEventListener("pointermove", onMove);
        finish(state, ...at(up, target));
      }, { once: true });
    });
  }

  // Sideways it moves; with ctrl, or once the timeline has the focus, it zooms. Else the page scrolls.
  function wheel(target, { view, show, zoom, timeAt }) {
    target.addEventListener("wheel", (event) => {
      const zooms = event.ctrlKey || event.metaKey || document.activeElement === target;
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
        event.preventDefault();
        const shift = (event.deltaX || event.deltaY) / target.clientWidth * (view.to - view.from);
        show(view.from + shift, view.to + shift);
      } else if (zooms) {
        event.preventDefault();
        zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) * 0.006), timeAt(at(event, target)[0]));
      }
    }, { passive: false });
    target.addEventListener("dblclick", (event) => zoom(0.25, timeAt(at(event, target)[0])));
  }

  // Beside the pointer, inside its frame.
  function place(tooltip, target, px, py) {
    const frame = target.getBoundingClientRect();
    tooltip.style.left = `${Math.min(px + 14, frame.width - tooltip.offsetWidth - 6)}px`;
    tooltip.style.top = `${py + 18 + tooltip.offsetHeight > frame.height ? Math.max(4, py - tooltip.offsetHeight - 10) : py + 18}px`;
  }

  function lines(texts) { return texts.flatMap((text, k) => k ? [document.createElement("br"), text] : [text]); }

  // Round times, about 130 pixels apart, with just the decimals that tell them apart.
  function ticks({ from, to }, width) {
    const wanted = (to - from) / Math.max(width / 130, 1), power = 10 ** Math.floor(Math.log10(wanted));
    const step = [1, 2, 5, 10].map((k) => k * power).find((candidate) => candidate >= wanted) || wanted;
    const decimals = Math.max(0, Math.min(6, Math.ceil(-Math.log10(step / 1e6) - 1e-9)));
    const found = [];
    for (let time = Math.ceil(from / step) * step; time < to; time += step) found.push({ time, text: seconds(time, decimals) });
    return found;
  }

  // Spans in as few lanes as can be, so that none overlap in a lane: each span's lane.
  function lanes(spans) {
    const limits = [];
    return spans.map((span) => {
      let lane = limits.findIndex((limit) => limit <= span.from);
      if (lane < 0) lane = limits.length;
      limits[lane] = span.to;
      return lane;
    });
  }

  const saved = remembered();
  if (saved === "light" || saved === "dark") document.documentElement.dataset.theme = saved;
  document.getElementById("theme").addEventListener("click", () => {
    const next = isDark() ? "light" : "dark";
    remembered(next);
    setTheme(next);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTheme());
  document.addEventListener("click", (event) => {
    const copier = event.target.closest("[data-copy]"), opener = event.target.closest("[data-open]");
    if (copier) copy(copier);
    if (opener) openAll(opener);
  });
  addEventListener("hashchange", reveal);
  filterLogs();
  reveal();

  return {
    read, colour, element, oncePerFrame, seconds, duration, at, drag, wheel, place, lines, ticks, lanes,
    onTheme: (listener) => themeListeners.push(listener),
  };
})();
