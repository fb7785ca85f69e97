"use strict";
// The charts of a run: health, copies per node, map, recoveries, load, followed writes.
const MOST = 16; // lines of one chart; beyond, nodes are grouped

// perNode turns frames of values by node into lines: one a node, or, where there are too
// many, the mean of each group with the extremes.
function perNode(frames, scale) {
  frames = frames || [];
  const at = i => frames.map(f => [f.t, f.v[i] === null || f.v[i] === undefined ? null : scale(f.v[i])]);
  if (D.nodes.length <= MOST) return {names: D.nodes, series: D.nodes.map((_, i) => at(i))};
  const of = (f, member, how) => {
    const v = f.v.filter((x, i) => x !== null && x !== undefined && member(i)).map(scale).sort((a, b) => a - b);
    return v.length ? how(v) : null;
  };
  const mean = v => v.reduce((a, b) => a + b, 0) / v.length;
  const names = [], series = [];
  const add = (name, member, how) => { names.push(name); series.push(frames.map(f => [f.t, of(f, member, how)])); };
  const groups = [...new Set(D.groups || [])];
  if (groups.length > 1 && groups.length <= 8) for (const g of groups) add(`mean of ${g} (${D.groups.filter(x => x === g).length} nodes)`, i => D.groups[i] === g, mean);
  else add(`median of ${D.nodes.length} nodes`, () => true, v => v[Math.floor(v.length / 2)]);
  add("lowest node", () => true, v => v[0]);
  add("highest node", () => true, v => v[v.length - 1]);
  return {names, series};
}

function drawHealth() {
  const box = byId("health");
  if (!box) return;
  const room = SQ.width(box.querySelector(".plot")), ends = []; // lanes, so that no label lies on another
  const labels = (D.faults || []).map(f => {
    const x = SQ.x(room, f.from), right = x > room * 0.6, wide = 7 * f.label.length + 8, from = right ? x - wide : x;
    let lane = ends.findIndex(e => e <= from);
    if (lane < 0) lane = ends.length < 6 ? ends.push(0) - 1 : 5;
    ends[lane] = from + wide;
    return {f, x, right, lane};
  });
  const {s, c, X} = SQ.frame(box.querySelector(".plot"), Math.max(58, 30 + 14 * ends.length), null, "", "health over time, with faults");
  const fill = {green: "var(--green)", yellow: "var(--yellow)", red: "var(--red)", unknown: "var(--line)"};
  for (const h of D.health || []) {
    const w = X(h.to) - X(h.from);
    const r = el("rect", {x: X(h.from), y: 0, width: Math.max(1, w), height: 20, fill: fill[h.status]}, s);
    el("title", {}, r, `${h.status} from ${h.from} s to ${h.to} s`);
    if (w > 46) el("text", {x: X(h.from) + 5, y: 14, style: "fill:#000"}, s, h.status);
  }
  for (const {f, x, right, lane} of labels) el("text", {x: right ? x - 4 : x + 4, y: 36 + 14 * lane, "text-anchor": right ? "end" : "start"}, s, f.label);
  for (const d of D.decisions || []) if (d.a) {
    const m = el("circle", {cx: X(d.t), cy: 10, r: 5, fill: "var(--fg)", stroke: "var(--bg)", "data-t": d.t, tabindex: 0}, s);
    el("title", {}, m, `the controller acted at ${d.t} s`);
  }
  s.append(c);
}

function drawRecoveries() {
  const all = D.recoveries || [], box = byId("recoveries");
  if (!box) return;
  box.hidden = !all.length;
  if (box.hidden) return;
  if (all.length > 120) { // a bar each would fill pages
    const first = Math.min(...all.map(r => r.from)), end = Math.max(...all.map(r => r.to));
    box.querySelector(".reason").textContent = `${all.length} recoveries between ${short(first)} s and ${short(end)} s: too many for a bar each; how many went on at once is in the chart before`;
    return;
  }
  const h = all.length * 9 + 4, {s, c, X} = SQ.frame(box.querySelector(".plot"), h, null, "", "recoveries over time");
  const fill = {ops: "var(--c2)", files: "var(--c0)"};
  all.forEach((r, i) => {
    const b = el("rect", {x: X(r.from), y: 2 + i * 9, width: Math.max(2, X(r.to) - X(r.from)), height: 7, rx: r.kind === "ops" ? 3.5 : 0, fill: fill[r.kind] || "var(--c6)"}, s);
    el("title", {}, b, `${r.label}, ${r.from} s to ${r.to} s`);
  });
  s.append(c);
}

function drawLatency() {
  const ops = D.latency || [], box = byId("latency");
  if (!box) return;
  box.hidden = !ops.length;
  if (box.hidden) return;
  const all = {acked: "var(--c0)", slow: "var(--c3)", refused: "var(--c1)", failed: "var(--c5)", unknown: "var(--c6)"};
  const told = {acked: "acknowledged", slow: "acknowledged late", refused: "refused", failed: "failed", unknown: "no answer"};
  const names = Object.keys(all).filter(n => ops.some(o => o.r === n)), cols = names.map(n => all[n]);
  SQ.legend(box.querySelector(".legend"), names.map(n => told[n]), cols);
  const lo = -1, hi = Math.ceil(Math.log10(Math.max(10, ...ops.map(o => o.ms))));
  const {s, c, X, W} = SQ.frame(box.querySelector(".plot"), 150, null, "", "time of each followed write");
  const Y = ms => 150 - 140 * (Math.log10(Math.max(ms, 0.1)) - lo) / (hi - lo);
  for (let e = lo; e <= hi; e++) {
    el("line", {x1: SQ.pad, x2: W - 10, y1: Y(10 ** e), y2: Y(10 ** e), class: "axis"}, s);
    el("text", {x: SQ.pad - 6, y: Y(10 ** e) + 4, "text-anchor": "end"}, s, e >= 3 ? 10 ** (e - 3) + " s" : 10 ** e + " ms");
  }
  for (const o of ops) {
    const x = X(o.t), y = Y(o.ms), done = o.r === "acked" || o.r === "slow";
    const p = done ? el("circle", {cx: x, cy: y, r: 2, fill: all[o.r], opacity: 0.75}, s)
      : el("path", {d: `M${x - 3},${y - 3}l6,6m0,-6l-6,6`, stroke: all[o.r] || "var(--c6)", "stroke-width": 1.6}, s);
    el("title", {}, p, `${told[o.r]} after ${o.ms} ms at ${o.t} s${o.again ? ", retried" : ""}${o.why ? ": " + o.why : ""}`);
  }
  s.append(c);
}

// shardsAt replays the routing table up to a moment.
function shardsAt(t) {
  const m = new Map();
  for (const s of D.shards || []) {
    if (s.t > t) break;
    m.set(s.i + " " + s.s, s);
  }
  return m;
}

const STATES = {U: "unassigned", I: "initializing", S: "started", R: "relocating"};

function nodeBox(name, note, list, out) {
  const n = document.createElement("div"), h = document.createElement("header"), small = document.createElement("small"), cs = document.createElement("div");
  n.className = "node" + (out ? " out" : "");
  small.textContent = note;
  h.append(name, small);
  cs.className = "copies";
  list.sort((a, b) => a.s.i < b.s.i ? -1 : a.s.i > b.s.i ? 1 : a.s.s - b.s.s);
  for (const {s, c} of list.slice(0, 400)) {
    const e = document.createElement("div"), key = s.i + " " + s.s;
    e.className = `copy ${c.p ? "p" : "r"} ${c.st}${SQ.selected === key ? " sel" : ""}`;
    e.textContent = s.s;
    e.title = `${s.i}[${s.s}] ${c.p ? "primary" : "replica"}, ${STATES[c.st]}${c.to ? " to " + c.to : ""}${c.from ? " from " + c.from : ""}`;
    e.addEventListener("click", () => { SQ.selected = SQ.selected === key ? null : key; drawMap(SQ.moment); });
    cs.append(e);
  }
  if (list.length > 400) cs.append(`and ${list.length - 400} more`);
  n.append(h, cs);
  return n;
}

function drawMap(t) {
  const section = byId("mapPart"), box = byId("map");
  if (!box) return;
  section.hidden = !(D.shards || []).length;
  if (section.hidden) return;
  box.replaceChildren();
  const members = last(D.members, t), counts = last(D.counts, t);
  const byNode = new Map(D.nodes.map(n => [n, []])), loose = [];
  for (const s of shardsAt(t).values()) for (const c of s.c) {
    (c.n && byNode.has(c.n) ? byNode.get(c.n) : loose).push({s, c});
    if (c.st === "R" && byNode.has(c.to)) byNode.get(c.to).push({s, c: {p: c.p, st: "I", n: c.to, from: c.n}});
  }
  const one = (name, i) => {
    const inside = members && members.n && members.n.includes(name);
    const note = (counts && counts.v[i] !== undefined && counts.v[i] !== null ? counts.v[i] + " copies" : "") + (members && members.m === name ? " · master" : inside ? "" : " · gone");
    box.append(nodeBox(name, note, byNode.get(name), !inside));
  };
  const groups = D.nodes.length > MOST ? [...new Set(D.groups || [])] : [];
  if (groups.length > 1) for (const g of groups) {
    const h = document.createElement("h3");
    h.textContent = g;
    box.append(h);
    D.nodes.forEach((n, i) => { if (D.groups[i] === g) one(n, i); });
  } else D.nodes.forEach(one);
  if (loose.length) box.append(nodeBox("unassigned", loose.length + " copies", loose, false));
}

function drawNodes(id, frames, unit, opt, scale) {
  const {names, series} = perNode(frames, scale || (v => v));
  SQ.chart(id, names, series, {unit, ...opt});
}

const runCharts = [
  drawHealth,
  () => drawNodes("counts", D.counts, "", {apart: true}),
  () => SQ.chart("cv", null, [D.cv || []], {leaveOut: true}),
  () => SQ.chart("pending", ["unassigned", "initializing", "relocating"], [1, 2, 3].map(k => (D.pending || []).map(p => [p[0], p[k]])), {apart: true, leaveOut: true}),
  drawRecoveries,
  () => drawNodes("disk", D.disk, " %", {top: 100, leaveOut: true}, v => 100 * v),
  () => drawNodes("cpu", D.cpu, " %", {top: 100, leaveOut: true}),
  () => {
    const of = byId("nodeMsOf");
    if (of) of.textContent = D.nodeMsOf === "p99" ? "99th percentile" : "mean (a real node tells no percentiles)";
    drawNodes("nodeMs", D.nodeMs, " ms", {leaveOut: true}, v => v || null); // no operations, no time
  },
  () => SQ.chart("felt", ["attempted", "failed", "no answer", "retried", "slow"], [0, 1, 2, 3, 4].map(k => (D.felt || []).map(f => [f.t, f.v[k]])), {unit: " /s", apart: true}),
  drawLatency,
  () => SQ.listeners.push(drawMap),
];
SQ.start(D.closed, runCharts);
