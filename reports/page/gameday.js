"use strict";
// What a game day has besides a run: figures inside their predicted bands, steps,
// guardrails with their distance, expectations as they turn.
(function () {
  const rows = (id, list, cells) => {
    const box = byId(id);
    if (!box) return;
    const part = box.closest("section"); // a heading with nothing below it says nothing
    if (part) part.hidden = !(list || []).length;
    box.replaceChildren(...(list || []).map(x => {
      const tr = document.createElement("tr");
      for (const c of cells(x)) {
        const td = document.createElement("td");
        if (c instanceof Node) td.append(c); else td.textContent = c;
        tr.append(td);
      }
      return tr;
    }));
  };
  const mark = (text, kind) => { const b = document.createElement("span"); b.className = "v " + kind; b.textContent = text; return b; };
  const bar = used => {
    if (used === undefined || used === null || used < 0) return "";
    const box = document.createElement("div"), fill = document.createElement("i");
    box.className = used >= 1 ? "bar fail" : "bar";
    fill.style.width = Math.min(100, 100 * used) + "%";
    box.append(fill);
    box.title = `${Math.round(100 * used)} % of what is allowed`;
    return box;
  };
  // A band is drawn at the moments at which it held: while the plan stood, its moment stayed.
  function drawFigure(b) {
    const box = byId("figure-" + b.figure);
    if (!box) return;
    const seen = (D.values || []).map(x => ({t: x.t, p: x.p, v: x.v[b.figure]}));
    const at = p => Math.max(0, Math.min(b.lo.length - 1, Math.floor(p)));
    let ends = seen.map(x => [x.t, b.lo[at(x.p)], b.hi[at(x.p)]]);
    if (!ends.length || D.drawn === "prediction") ends = b.lo.map((lo, i) => [i, lo, b.hi[i]]);
    const all = ends.flatMap(e => [e[1], e[2]]).concat(seen.map(x => x.v).filter(v => v !== null && v !== undefined));
    const top = Math.max(...all, 1) * 1.05;
    const {s, X, Y, c} = SQ.frame(box.querySelector(".plot"), 120, top, b.unit || "", b.about);
    const up = ends.map(e => `${X(e[0]).toFixed(1)},${Y(e[2]).toFixed(1)}`), down = ends.map(e => `${X(e[0]).toFixed(1)},${Y(e[1]).toFixed(1)}`).reverse();
    el("polygon", {points: up.concat(down).join(" "), fill: "var(--here)", stroke: "var(--c0)", "stroke-width": 0.8, "stroke-dasharray": "3 3"}, s);
    el("path", {d: SQ.steps(seen.map(x => [x.t, x.v]), X, Y), fill: "none", stroke: "var(--c5)", "stroke-width": 2.4}, s);
    s.append(c);
    const told = box.querySelector(".legend");
    SQ.listeners.push(t => {
      const v = last(seen, t), i = ends.filter(e => e[0] <= t).pop() || ends[0];
      const unit = b.unit === "ms" || b.unit === "%" ? " " + b.unit : b.unit || "", seeing = seen.length ? `seen ${v ? short(v.v) + unit : "nothing yet"}, ` : "";
      told.textContent = `${seeing}predicted ${short(i[1])} to ${short(i[2])}${unit}`;
      told.classList.toggle("lost", !!v && v.v !== null && (v.v < i[1] || v.v > i[2]));
    });
  }
  SQ.gameday = function () {
    for (const b of D.bands || []) drawFigure(b);
    const now = D.sight || {};
    rows("steps", now.steps, x => [mark({begun: "✓", waiting: "waits", ahead: "ahead"}[x.state], x.state === "begun" ? "pass" : x.state === "waiting" ? "unknown" : ""), x.name]);
    rows("rails", now.rails, x => [mark(x.touched ? "touched" : "well", x.touched ? "fail" : "pass"), x.name, x.saw, bar(x.used)]);
    rows("expect", now.expect, x => [mark(x.verdict, x.verdict), x.name, x.reason]);
    const stands = byId("standing");
    if (stands) { stands.textContent = now.standing || ""; stands.hidden = !now.standing; }
  };
  SQ.charts.push(SQ.gameday);
  SQ.redraw();
})();
