"use strict";
// Shared by the page's scripts: the embedded data, colours of the theme, theme switch, copying, log filters.
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

  return { read, colour, element, seconds, duration, onTheme: (listener) => themeListeners.push(listener) };
})();
