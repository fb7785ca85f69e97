"use strict";
// What all pages share: drawing with axes, colours that are also dash patterns, and the
// moment, which ties slider, charts, map, tables and log together.
const NS = "http://www.w3.org/2000/svg";
const SQ = {pad: 48, moment: 0, end: 1, cursors: [], charts: [], listeners: []};
const DASHES = ["", "7 3", "2 3", "9 3 2 3", "4 2", "12 4", "1 2", "6 2 1 2 1 2"];

function el(name, attrs, parent, text) {
  const e = document.createElementNS(NS, name);
  for (const k in attrs) e.setAttribute(k, attrs[k]);
  if (text !== undefined) e.textContent = text;
  if (parent) parent.appendChild(e);
  return e;
}
const byId = id => document.getElementById(id);
const color = i => `var(--c${i % 8})`;
const dash = i => DASHES[Math.floor(i / 8 + i) % 8];
const last = (list, t) => {
  let out = null;
  for (const x of list || []) { if (x.t > t) break; out = x; }
  return out;
};
const short = v => v === null || v === undefined ? "–" : Math.abs(v) >= 1000 ? v.toFixed(0) : +v.toPrecision(4) + "";

function ticks(max, most) {
  const raw = max / (most || 6), mag = Math.pow(10, Math.floor(Math.log10(raw || 1)));
  const step = [1, 2, 5, 10].map(m => m * mag).find(s => s >= raw) || mag;
  const out = [];
  for (let v = 0; v <= max * (1 + 1e-9); v += step) out.push(+v.toPrecision(6));
  return out;
}

SQ.width = box => Math.max(260, Math.min(1120, box.clientWidth || 700));
SQ.x = (W, t) => SQ.pad + (W - SQ.pad - 10) * Math.max(0, Math.min(t, SQ.end)) / (SQ.end || 1);

// frame makes a plot's svg over the time of the run: fault bands, axes, cursor, and the
// moment on a click.
SQ.frame = function (box, height, top, unit, label) {
  const W = SQ.width(box), X = t => SQ.x(W, t);
  const s = el("svg", {width: W, height: height + 22, viewBox: `0 0 ${W} ${height + 22}`, role: "img", "aria-label": label}, box);
  const Y = v => height - (height - 10) * v / (top || 1);
  for (const f of D.faults || []) el("rect", {x: X(f.from), y: 0, width: Math.max(2, X(f.to) - X(f.from)), height, fill: "var(--band)"}, s);
  if (top !== null) for (const v of ticks(top, 5)) {
    el("line", {x1: SQ.pad, x2: W - 10, y1: Y(v), y2: Y(v), class: "axis"}, s);
    el("text", {x: SQ.pad - 6, y: Y(v) + 4, "text-anchor": "end"}, s, v + (unit || ""));
  }
  const marks = ticks(SQ.end, Math.max(2, Math.floor(W / 130)));
  marks.forEach((t, i) => el("text", {x: X(t), y: height + 16, "text-anchor": i === 0 ? "start" : X(t) > W - 30 ? "end" : "middle"}, s, t + " s"));
  const c = el("line", {y1: 0, y2: height, class: "cursor"}, s);
  SQ.cursors.push({c, X});
  s.addEventListener("click", e => {
    const r = s.getBoundingClientRect();
    SQ.at((e.clientX - r.left) / r.width * W < SQ.pad ? 0 : SQ.end * ((e.clientX - r.left) / r.width * W - SQ.pad) / (W - SQ.pad - 10));
  });
  return {s, X, Y, c, W};
};

SQ.steps = function (points, X, Y) {
  let d = "", before = null;
  for (const [t, v] of points) {
    if (v === null || v === undefined) { // not known: the line has a gap
      if (before !== null) d += `H${X(t).toFixed(1)}`;
      before = null;
      continue;
    }
    d += before === null ? `M${X(t).toFixed(1)},${Y(v).toFixed(1)}` : `H${X(t).toFixed(1)}V${Y(v).toFixed(1)}`;
    before = v;
  }
  return before === null ? d : d + `H${X(SQ.end).toFixed(1)}`;
};

SQ.legend = function (box, names, fill) {
  box.replaceChildren();
  names.forEach((n, i) => {
    const s = document.createElement("span");
    const g = el("svg", {width: 26, height: 10, "aria-hidden": "true"}, s);
    if (fill) el("circle", {cx: 13, cy: 5, r: 4, fill: fill[i]}, g);
    else el("line", {x1: 0, x2: 26, y1: 5, y2: 5, stroke: color(i), "stroke-width": 3, "stroke-dasharray": dash(i)}, g);
    s.append(n);
    const value = document.createElement("b");
    value.dataset.series = i;
    s.append(value);
    box.append(s);
  });
};

const known = p => p[1] !== null && p[1] !== undefined;
const valueAt = (points, t) => { let v = null; for (const p of points) { if (p[0] > t) break; v = p[1]; } return v; };

// chart draws lines into the section id, which goes away when there is nothing to see. Lines
// that may be equal (apart) are drawn a hair beside each other.
SQ.chart = function (id, names, series, opt) {
  const box = byId(id);
  if (!box) return;
  const plot = box.querySelector(".plot"), values = series.flat().filter(known).map(p => p[1]);
  if (!values.length || (opt.leaveOut && !values.some(v => v))) return void (box.hidden = true);
  box.hidden = false;
  const top = opt.top || Math.max(...values, 0) || 1;
  const {s, X, Y, c} = SQ.frame(plot, opt.height || 170, top, opt.unit, box.querySelector("h2") ? box.querySelector("h2").textContent : id);
  series.forEach((points, i) => {
    const by = opt.apart && series.length > 1 ? (i - (series.length - 1) / 2) * Math.min(3, 24 / series.length) : 0;
    el("path", {d: SQ.steps(points, X, v => Y(v) - by), fill: "none", stroke: color(i), "stroke-width": 2.2, "stroke-dasharray": dash(i)}, s);
  });
  s.append(c);
  const legend = box.querySelector(".legend");
  if (names && legend) {
    SQ.legend(legend, names);
    SQ.listeners.push(t => legend.querySelectorAll("b").forEach((b, i) => { b.textContent = short(valueAt(series[i], t)) + (opt.unit || ""); }));
  }
};

// at moves to a moment: all cursors, legends, the map, and what carries data-t near it.
SQ.at = function (t, from) {
  SQ.moment = Math.max(0, Math.min(SQ.end, t));
  const out = byId("tt");
  if (out) out.textContent = SQ.moment.toFixed(1) + " s";
  const slider = byId("t");
  if (slider && from !== "slider") slider.value = Math.round(1000 * SQ.moment / (SQ.end || 1));
  for (const {c, X} of SQ.cursors) { c.setAttribute("x1", X(SQ.moment)); c.setAttribute("x2", X(SQ.moment)); }
  for (const f of SQ.listeners) f(SQ.moment);
  let nearest = null;
  for (const e of document.querySelectorAll("[data-t]")) {
    e.classList.remove("here");
    if (+e.dataset.t <= SQ.moment + 1e-6 && (!nearest || +e.dataset.t > +nearest.dataset.t)) nearest = e;
  }
  if (nearest) for (const e of document.querySelectorAll(`[data-t="${nearest.dataset.t}"]`)) e.classList.add("here");
  if (from !== "start") history.replaceState(null, "", "#t=" + SQ.moment.toFixed(2));
};

SQ.events = () => [...new Set([...(D.faults || []).flatMap(f => [f.from, f.to]), ...(D.health || []).map(h => h.from), ...(D.decisions || []).filter(d => d.a).map(d => d.t)])]
  .filter(t => t >= 0 && t <= SQ.end).sort((a, b) => a - b);

SQ.keys = function (e) {
  if (e.ctrlKey || e.metaKey || e.altKey || /^(TEXTAREA|SELECT)$/.test(e.target.tagName) || (e.target.tagName === "INPUT" && e.target.id !== "t")) return;
  const step = e.shiftKey ? 10 : 1, near = 1e-6;
  const to = {
    ArrowLeft: () => SQ.moment - step, ArrowRight: () => SQ.moment + step, Home: () => 0, End: () => SQ.end,
    ",": () => SQ.events().filter(t => t < SQ.moment - near).pop() || 0, ".": () => { const next = SQ.events().find(t => t > SQ.moment + near); return next === undefined ? SQ.end : next; },
  }[e.key];
  if (!to) return;
  e.preventDefault();
  SQ.at(to());
};

SQ.redraw = function () {
  SQ.cursors = [];
  SQ.listeners = [];
  document.querySelectorAll(".plot").forEach(p => p.replaceChildren());
  for (const draw of SQ.charts) draw();
  SQ.at(SQ.moment, "start");
};

SQ.linked = () => { const m = /^#t=([0-9.]+)$/.exec(location.hash); return m ? +m[1] : null; };

// start draws the page's charts, now and whenever its width changes.
SQ.start = function (end, charts) {
  SQ.end = end || 1;
  SQ.charts = charts;
  const linked = SQ.linked();
  SQ.moment = linked === null ? SQ.end : linked;
  SQ.redraw();
  const slider = byId("t");
  if (slider) slider.addEventListener("input", () => SQ.at(SQ.end * slider.value / 1000, "slider"));
  document.addEventListener("keydown", SQ.keys);
  document.addEventListener("click", e => { const row = e.target.closest("[data-t]"); if (row && !getSelection().toString()) SQ.at(+row.dataset.t); });
  addEventListener("hashchange", () => { const t = SQ.linked(); if (t !== null) SQ.at(t, "start"); });
  const link = byId("link");
  if (link) link.addEventListener("click", () => {
    history.replaceState(null, "", "#t=" + SQ.moment.toFixed(2));
    const told = () => { link.textContent = "copied"; setTimeout(() => { link.textContent = "link"; }, 1500); };
    if (navigator.clipboard) navigator.clipboard.writeText(location.href).then(told, () => {}); // else it stands in the address bar
  });
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; SQ.redraw(); } });
  addEventListener("beforeprint", SQ.redraw);
};
