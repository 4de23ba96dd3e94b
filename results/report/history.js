"use strict";
// The history in the browser: its columns as typed arrays, the rows it is drawn in, and the search over it.
// Times are microseconds of run time; operations are numbered from 0 by invocation.
const RunHistory = (() => {
  const data = Raftstorm.read("history-data");
  const count = data.count;
  const OPEN = 3;

  function summed(differences) {
    const values = new Float64Array(count);
    for (let i = 0, sum = 0; i < count; i++) values[i] = (sum += differences[i]);
    return values;
  }

  const call = summed(data.call), index = summed(data.index);
  const end = new Float64Array(count);
  for (let i = 0; i < count; i++) end[i] = call[i] + Math.max(data.took[i], 0);
  const runEnd = Math.max(data.end, 1);
  const anomalyOf = new Map(data.anomalies);  // event index -> number of the contradiction
  const word = (name, i) => data[name][i] < 0 ? "" : data.words[name][data[name][i]];

  const contradicting = [];
  for (let i = 0; i < count; i++) {
    if (anomalyOf.has(index[i]) || (data.completed[i] > 0 && anomalyOf.has(index[i] + data.completed[i]))) contradicting.push(i);
  }
  const isContradicting = new Uint8Array(count);
  contradicting.forEach((i) => { isContradicting[i] = 1; });

  // Row packing: operations (or whole process lifetimes) go to the first lane that is free when they begin.
  function pack(begins, ends, order) {
    const lanes = [], lane = new Map();
    for (const item of order) {
      let place = lanes.findIndex((limit) => limit <= begins(item));
      if (place < 0) place = lanes.length;
      lanes[place] = ends(item);
      lane.set(item, place);
    }
    return { lane, size: lanes.length };
  }

  // One row for each client: a process that was retired hands its row to the one that took over.
  function processRows() {
    const lives = new Map();
    for (let i = 0; i < count; i++) {
      const life = lives.get(data.process[i]);
      if (life) life.end = Math.max(life.end, end[i]);
      else lives.set(data.process[i], { process: data.process[i], begin: call[i], end: end[i] });
    }
    const order = [...lives.values()].sort((a, b) => a.begin - b.begin || a.process - b.process);
    const { lane, size } = pack((life) => life.begin, (life) => life.end, order);
    const rows = Array.from({ length: size }, () => ({ names: [], operations: [] }));
    order.forEach((life) => { life.row = rows[lane.get(life)]; life.row.names.push(life.process); });
    for (let i = 0; i < count; i++) lives.get(data.process[i]).row.operations.push(i);
    return rows.map(({ names, operations }) => ({
      label: names.length > 1 ? `p${names[0]} … p${names[names.length - 1]}` : `p${names[0]}`, operations,
    }));
  }

  function groupedRows(name) {
    const groups = new Map();
    for (let i = 0; i < count; i++) {
      const group = word(name, i) || "–";
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push(i);
    }
    const names = [...groups.keys()].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    return names.flatMap((group) => {
      const { lane, size } = pack((i) => call[i], (i) => end[i], groups.get(group));
      const rows = Array.from({ length: size }, (_, place) => ({ label: place ? "" : group, operations: [] }));
      for (const i of groups.get(group)) rows[lane.get(i)].operations.push(i);
      return rows;
    });
  }

  function rowsBy(name) {
    const rows = name === "process" ? processRows() : groupedRows(name);
    rows.forEach((row) => { row.operations = Int32Array.from(row.operations); });
    return rows;
  }

  // Search: words, all of which must fit. A plain word looks everywhere; field:word in one place; took:>100 in ms.
  const WORDS = ["f", "key", "node", "error", "read", "session"];

  function matcher(text) {
    const parts = text.match(/(?:[^\s"]+|"[^"]*")+/g) || [];
    const tests = parts.map((part) => test(part.replaceAll('"', "")));
    return tests.length ? (i) => tests.every((fits) => fits(i)) : null;
  }

  function test(part) {
    const [, field, wanted] = /^(\w+):(.*)$/.exec(part) || [null, null, part];
    if (field === "took" || field === "time") return range(field, wanted);
    if (field === "value") return (i) => contains(wanted)(data.value[i]);
    if (field === "process") return (i) => `${data.process[i]}` === wanted;
    if (field === "index") return (i) => `${index[i]}` === wanted || `${index[i] + Math.max(data.completed[i], 0)}` === wanted;
    if (field === "log") return (i) => `${data.log[i]}` === wanted;
    if (field === "outcome") return (i) => data.outcomes[data.outcome[i]].startsWith(wanted.toLowerCase());
    if (WORDS.includes(field)) return wordTest(field, wanted);
    return anywhere(part);
  }

  // Numbers match whole (52 does not find 152), other text anywhere.
  function contains(wanted) {
    if (!/^-?\d+$/.test(wanted)) return (text) => text.toLowerCase().includes(wanted.toLowerCase());
    const whole = new RegExp(`(^|[^\\w.-])${wanted}($|[^\\w.])`);
    return (text) => whole.test(text);
  }

  function wordTest(name, wanted) {
    const exact = name !== "error";
    const lower = wanted.toLowerCase();
    const fits = data.words[name].map((text) => exact ? text.toLowerCase() === lower : text.toLowerCase().includes(lower));
    return (i) => data[name][i] >= 0 && fits[data[name][i]];
  }

  function range(field, wanted) {
    const unit = field === "took" ? 1e3 : 1e6;
    const value = (i) => (field === "took" ? (data.took[i] < 0 ? Infinity : data.took[i]) : call[i]) / unit;
    const [, sign, low, high] = /^([<>]?)([\d.]+)(?:-([\d.]+))?/.exec(wanted) || [null, ">", "Infinity"];
    if (sign === ">") return (i) => value(i) > +low;
    if (sign === "<") return (i) => value(i) < +low;
    return (i) => value(i) >= +low && value(i) <= +(high ?? low);
  }

  function anywhere(wanted) {
    const tests = [...WORDS.map((name) => wordTest(name, wanted)), test(`outcome:${wanted}`)];
    const value = contains(wanted);
    const numeric = /^\d+$/.test(wanted);
    return (i) => tests.some((fits) => fits(i)) || value(data.value[i])
      || (numeric && (`${data.process[i]}` === wanted || `${index[i]}` === wanted));
  }

  function label(i) {
    const unknown = data.outcome[i] >= 2 ? " ?" : data.outcome[i] === 1 ? " failed" : "";
    return `${word("f", i)} ${data.value[i]}${unknown}`.replace(/ +/g, " ").trim();
  }

  // Field and text of all that is known of an operation.
  function described(i) {
    const done = data.completed[i] >= 0;
    return [
      ["operation", label(i)], ["key", word("key", i)], ["process", data.process[i]], ["node", word("node", i)],
      ["called", Raftstorm.seconds(call[i])],
      ["answered", done ? `${Raftstorm.seconds(end[i])} (${Raftstorm.duration(data.took[i])})` : "never"],
      ["outcome", { ok: "ok", fail: "failed: certainly did not happen", info: "unknown: may have happened", open: "unknown: no completion was recorded" }[data.outcomes[data.outcome[i]]]],
      ["error", word("error", i)], ["read mode", word("read", i)],
      ["log index", data.log[i] < 0 ? "" : data.log[i]], ["client had seen log index", data.min[i] < 0 ? "" : data.min[i]],
      ["session", word("session", i)], ["events", done ? `${index[i]}, ${index[i] + data.completed[i]}` : `${index[i]}`],
      ["contradiction", anomalyOf.get(index[i]) ?? ""],
    ].filter(([, text]) => text !== "");
  }

  return {
    data, count, call, end, index, runEnd, rowsBy, matcher, label, described, word, contradicting, isContradicting,
    isOpen: (i) => data.outcome[i] === OPEN || data.outcome[i] === 2,
    byIndex: (wanted) => { let i = lowerBound(index, wanted + 1) - 1; return i >= 0 && (index[i] === wanted || index[i] + data.completed[i] === wanted) ? i : -1; },
  };

  function lowerBound(values, limit) {
    let low = 0, high = values.length;
    while (low < high) { const middle = (low + high) >> 1; if (values[middle] < limit) low = middle + 1; else high = middle; }
    return low;
  }
})();
