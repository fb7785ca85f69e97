"use strict";
// The parts of a run, live: a stream of server-sent events adds to D, and what changed is
// drawn at most once in each picture of the screen. Orders are buttons with data-order: a
// POST (or data-method) to that path, whose answer is told beside it; data-with names the input
// that it takes along, in the query where the path ends so, and data-keep leaves it there.
SQ.live = function (url) {
  const state = byId("stream"), log = byId("log");
  let waiting = false, follow = SQ.linked() === null;
  const draw = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      if (follow) SQ.moment = SQ.end;
      SQ.redraw();
    });
  };
  const now = t => {
    if (!(t > (D.closed || 0))) return;
    if (!waiting) follow = SQ.moment >= SQ.end - 1e-6; // events that are drawn together move the end once
    D.closed = SQ.end = t;
    const h = D.health && D.health[D.health.length - 1];
    if (h) h.to = t;
    for (const f of D.faults || []) if (!f.healed) f.to = t;
  };
  const push = (list, x) => { (D[list] = D[list] || []).push(x); };
  const on = {
    now: x => now(x.t),
    nodes: x => { D.nodes = x; },
    health: x => { now(x.from); push("health", x); x.to = D.closed; },
    fault: x => { now(x.from); push("faults", x); x.to = D.closed; },
    healed: x => { now(x.t); for (const f of D.faults || []) if (f.label === x.label && !f.healed) { f.healed = true; f.to = x.t; } },
    plan: x => { D.plan = x; },
    sight: x => { now(x.t); D.sight = x; },
    reload: () => location.reload(),
    decision: x => { now(x.t); push("decisions", x); },
    log: x => {
      now(x.t);
      if (!log) return;
      const line = document.createElement("div");
      line.dataset.t = x.t;
      line.textContent = `${x.t.toFixed(1)} s  ${x.text}`;
      log.append(line);
      while (log.childElementCount > 2000) log.firstElementChild.remove();
      log.scrollTop = log.scrollHeight;
    },
  };
  for (const list of ["counts", "shards", "members", "disk", "cpu", "nodeMs", "latency", "values"]) on[list] = x => { now(x.t); push(list, x); };
  for (const list of ["cv", "pending"]) on[list] = x => { now(x[0]); push(list, x); };
  const source = new EventSource(url);
  const tell = (text, lost) => { if (state) { state.textContent = text; state.classList.toggle("lost", lost); } };
  source.onopen = () => tell("live", false);
  source.onerror = () => tell("no connection: what is shown may be stale", true);
  source.addEventListener("end", () => { source.close(); tell("ended", false); });
  // After a break the stream begins anew with everything it still has.
  source.addEventListener("begin", e => {
    for (const k of Object.keys(D)) delete D[k];
    Object.assign(D, {nodes: [], closed: 0}, JSON.parse(e.data));
    SQ.end = D.closed || 1;
    if (log) log.replaceChildren();
    draw();
  });
  for (const kind of Object.keys(on)) source.addEventListener(kind, e => { on[kind](JSON.parse(e.data)); draw(); });
  // What is answered in JSON is told in a few words: the parts of the page show the rest.
  const answer = text => {
    let x;
    try { x = JSON.parse(text); } catch { return text.trim(); }
    if (x.error) return x.error;
    if (x.health) return x.reached ? `${x.health} at ${x.now}` : `not ${x.health} until ${x.now}`;
    return x.state ? `${x.id} ${x.state}` : "done";
  };
  document.addEventListener("click", e => {
    const b = e.target.closest("[data-order]");
    if (!b) return;
    const told = b.nextElementSibling;
    b.disabled = true;
    const said = b.dataset.with && byId(b.dataset.with), text = said ? said.value : "";
    const query = b.dataset.order.endsWith("="), path = b.dataset.order + (query ? encodeURIComponent(text) : "");
    if (said && b.dataset.keep === undefined) said.value = "";
    fetch(path, {method: b.dataset.method || "POST", body: query ? undefined : text}).then(async r => { if (told) told.textContent = (r.ok ? "" : `refused (${r.status}): `) + answer(await r.text()); },
      () => { if (told) told.textContent = "no answer"; }).finally(() => { b.disabled = false; });
  });
};
if (D && D.stream) SQ.live(D.stream);
