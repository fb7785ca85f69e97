"use strict";
const W = 1060, PAD = 44, NS = "http://www.w3.org/2000/svg";
const X = t => PAD + (W - PAD - 8) * Math.max(0, t) / (D.closed || 1);
const color = i => `var(--c${i % 8})`;
const cursors = [];
const MOST = 16; // lines of one plot

function el(name, attrs, parent, text) {
  const e = document.createElementNS(NS, name);
  for (const k in attrs) e.setAttribute(k, attrs[k]);
  if (text !== undefined) e.textContent = text;
  if (parent) parent.appendChild(e);
  return e;
}

function ticks(max) {
  const raw = max / 6, mag = Math.pow(10, Math.floor(Math.log10(raw || 1)));
  const step = [1, 2, 5, 10].map(m => m * mag).find(s => s >= raw) || mag;
  const out = [];
  for (let v = 0; v <= max * (1 + 1e-9); v += step) out.push(+v.toPrecision(6));
  return out;
}

// frame makes a plot's svg with fault bands, both axes and the cursor.
function frame(id, height, top, unit) {
  const s = el("svg", {viewBox: `0 0 ${W} ${height + 22}`, role: "img", "aria-label": id}, document.getElementById(id));
  const Y = v => height - (height - 10) * v / (top || 1);
  for (const f of D.faults || []) el("rect", {x: X(f.from), y: 0, width: Math.max(2, X(f.to) - X(f.from)), height, fill: "var(--band)"}, s);
  if (top !== null) for (const v of ticks(top)) {
    el("line", {x1: PAD, x2: W - 8, y1: Y(v), y2: Y(v), class: "axis"}, s);
    el("text", {x: PAD - 6, y: Y(v) + 4, "text-anchor": "end"}, s, v + (unit || ""));
  }
  for (const t of ticks(D.closed)) el("text", {x: X(t), y: height + 16, "text-anchor": "middle"}, s, t + " s");
  const c = el("line", {y1: 0, y2: height, class: "cursor"}, s);
  cursors.push(c);
  return {s, Y, c};
}

function steps(points, Y) {
  let d = "", last = null;
  for (const [t, v] of points) {
    if (v === null) { // not known: the line has a gap
      if (last !== null) d += `H${X(t).toFixed(1)}`;
      last = null;
      continue;
    }
    d += last === null ? `M${X(t).toFixed(1)},${Y(v).toFixed(1)}` : `H${X(t).toFixed(1)}V${Y(v).toFixed(1)}`;
    last = v;
  }
  return last === null ? d : d + `H${X(D.closed).toFixed(1)}`;
}

function legend(id, names) {
  const l = document.getElementById(id);
  names.forEach((n, i) => {
    const s = document.createElement("span"), b = document.createElement("i");
    b.style.background = color(i);
    s.append(b, n);
    l.append(s);
  });
}

function lines(id, names, series, unit, top) {
  const high = top || Math.max(0, ...series.flat().map(p => p[1])) || 1; // a flat zero gets an axis too
  const {s, Y, c} = frame(id, 170, high, unit);
  series.forEach((points, i) => el("path", {d: steps(points, Y), fill: "none", stroke: color(i), "stroke-width": 2}, s));
  s.append(c);
  if (names) legend(id + "Legend", names);
}

function perNode(frames) {
  return D.nodes.slice(0, MOST).map((_, i) => frames.map(f => [f.t, f.v[i]]));
}

function drawHealth() {
  const {s, c} = frame("health", 54, null);
  const fill = {green: "var(--green)", yellow: "var(--yellow)", red: "var(--red)", unknown: "var(--line)"};
  for (const h of D.health || []) {
    const r = el("rect", {x: X(h.from), y: 0, width: Math.max(1, X(h.to) - X(h.from)), height: 20, fill: fill[h.status]}, s);
    el("title", {}, r, `${h.status} from ${h.from} s to ${h.to} s`);
  }
  (D.faults || []).forEach((f, i) => {
    const right = X(f.from) > W * 0.75;
    el("text", {x: right ? X(f.from) - 4 : X(f.from) + 4, y: 34 + 13 * (i % 2), "text-anchor": right ? "end" : "start"}, s, f.label);
  });
  for (const d of D.decisions || []) if (d.a) {
    const m = el("circle", {cx: X(d.t), cy: 10, r: 4, fill: "var(--fg)"}, s);
    el("title", {}, m, `the controller acted at ${d.t} s`);
  }
  s.append(c);
}

function drawRecoveries() {
  const all = D.recoveries || [];
  if (!all.length || all.length > 120) return;
  const h = all.length * 9 + 4, {s, c} = frame("recoveries", h, null);
  all.forEach((r, i) => {
    const b = el("rect", {x: X(r.from), y: 2 + i * 9, width: Math.max(2, X(r.to) - X(r.from)), height: 7, rx: 2, fill: r.kind === "ops" ? "var(--c2)" : r.kind === "files" ? "var(--c0)" : "var(--c6)"}, s);
    el("title", {}, b, `${r.label}, ${r.from} s to ${r.to} s`);
  });
  s.append(c);
}

function drawLatency() {
  const ops = D.latency || [];
  if (!ops.length) return document.getElementById("latencyPart").remove();
  const names = ["acked", "failed", "unknown"], cols = ["var(--c0)", "var(--c5)", "var(--c1)"];
  const l = document.getElementById("latencyLegend");
  names.forEach((n, i) => { const s = document.createElement("span"), b = document.createElement("i"); b.style.background = cols[i]; s.append(b, n); l.append(s); });
  const lo = -1, hi = Math.ceil(Math.log10(Math.max(10, ...ops.map(o => o.ms))));
  const {s, c} = frame("latency", 150, null);
  const Y = ms => 150 - 140 * (Math.log10(Math.max(ms, 0.1)) - lo) / (hi - lo);
  for (let e = lo; e <= hi; e++) {
    el("line", {x1: PAD, x2: W - 8, y1: Y(10 ** e), y2: Y(10 ** e), class: "axis"}, s);
    el("text", {x: PAD - 6, y: Y(10 ** e) + 4, "text-anchor": "end"}, s, 10 ** e + " ms");
  }
  for (const o of ops) {
    const p = el("circle", {cx: X(o.t), cy: Y(o.ms), r: 2, fill: cols[names.indexOf(o.r)], opacity: 0.75}, s);
    el("title", {}, p, `${o.r} after ${o.ms} ms at ${o.t} s`);
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

function last(list, t) {
  let out = null;
  for (const x of list || []) { if (x.t > t) break; out = x; }
  return out;
}

function drawMap(t) {
  const box = document.getElementById("map");
  box.replaceChildren();
  const members = last(D.members, t), counts = last(D.counts, t);
  const byNode = new Map(D.nodes.map(n => [n, []])), loose = [];
  for (const s of shardsAt(t).values()) for (const c of s.c) {
    (c.n && byNode.has(c.n) ? byNode.get(c.n) : loose).push({s, c});
    if (c.st === "R" && byNode.has(c.to)) byNode.get(c.to).push({s, c: {p: c.p, st: "I", n: c.to, from: c.n}});
  }
  const column = (name, note, list, out) => {
    const n = document.createElement("div");
    n.className = "node" + (out ? " out" : "");
    const h = document.createElement("header"), small = document.createElement("small");
    small.textContent = note;
    h.append(name, small);
    const cs = document.createElement("div");
    cs.className = "copies";
    list.sort((a, b) => a.s.i < b.s.i ? -1 : a.s.i > b.s.i ? 1 : a.s.s - b.s.s);
    for (const {s, c} of list.slice(0, 400)) {
      const e = document.createElement("div");
      e.className = `copy ${c.p ? "p" : "r"} ${c.st}`;
      e.textContent = s.s;
      const names = {U: "unassigned", I: "initializing", S: "started", R: "relocating"};
      e.title = `${s.i}[${s.s}] ${c.p ? "primary" : "replica"}, ${names[c.st]}${c.to ? " to " + c.to : ""}${c.from ? " from " + c.from : ""}`;
      cs.append(e);
    }
    n.append(h, cs);
    box.append(n);
  };
  D.nodes.forEach((name, i) => {
    const inside = members && members.n && members.n.includes(name);
    const note = (counts ? counts.v[i] + " copies" : "") + (members && members.m === name ? " · master" : inside ? "" : " · gone");
    column(name, note, byNode.get(name), !inside);
  });
  if (loose.length) column("unassigned", loose.length + " copies", loose, false);
}

function at(t) {
  document.getElementById("tt").textContent = t.toFixed(1) + " s";
  for (const c of cursors) { c.setAttribute("x1", X(t)); c.setAttribute("x2", X(t)); }
  drawMap(t);
}

drawHealth();
lines("counts", D.nodes.slice(0, MOST), perNode(D.counts || []));
lines("cv", null, [D.cv || []]);
lines("pending", ["unassigned", "initializing", "relocating"], [1, 2, 3].map(k => (D.pending || []).map(p => [p[0], p[k]])));
drawRecoveries();
if (D.disk && D.disk.length) lines("disk", D.nodes.slice(0, MOST), perNode(D.disk).map(s => s.map(([t, v]) => [t, 100 * v])), " %", 100);
else document.getElementById("diskPart").remove();
if (D.cpu && D.cpu.length) lines("cpu", D.nodes.slice(0, MOST), perNode(D.cpu), " %", 100);
else document.getElementById("cpuPart").remove();
if (D.nodeMs && D.nodeMs.some(f => f.v.some(v => v > 0))) {
  document.getElementById("nodeMsOf").textContent = D.nodeMsOf === "p99" ? "99th percentile" : "mean (a real node tells no percentiles)";
  lines("nodeMs", D.nodes.slice(0, MOST), perNode(D.nodeMs).map(s => s.map(([t, v]) => [t, v || null])), " ms"); // no operations, no time
} else document.getElementById("nodeMsPart").remove();
drawLatency();
const slider = document.getElementById("t");
slider.addEventListener("input", () => at(D.closed * slider.value / 1000));
at(D.closed);
