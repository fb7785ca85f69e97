"use strict";
// What a cluster that is served has besides a run: its plan of faults, with buttons that heal,
// a choice of what can be injected, and the pace of its time.
(function () {
  const cell = (label, ...what) => {
    const td = document.createElement("td");
    if (label) td.dataset.l = label;
    td.append(...what);
    return td;
  };
  // What the probes saw; of a fault with many, how many saw it, and the rest on demand.
  const evidence = f => {
    const told = e => `${e.shown ? "" : "NOT SHOWN: "}${e.what}: ${e.saw}${e.meanwhile ? " (meanwhile: " + e.meanwhile.join(", ") + ")" : ""}`;
    const bites = f.bites || [], gone = f.gone || [], all = [...bites, ...gone].map(told);
    if (f.error) all.unshift(f.error);
    if (all.length < 3) return all.join("; ");
    const box = document.createElement("details"), head = document.createElement("summary"), list = document.createElement("div");
    const share = list => `${list.filter(e => e.shown).length} of ${list.length}`;
    head.textContent = `${share(bites)} probes saw it${gone.length ? ", " + share(gone) + " its end" : ""}`;
    list.className = "said reason";
    list.textContent = all.join("\n");
    box.append(head, list);
    return box;
  };
  const tenths = time => time.replace(/(\.\d)\d+s$/, "$1s");
  const marks = {"in force": "fail", healed: "pass", failed: "unknown"};
  const healing = f => {
    const b = document.createElement("button"), told = document.createElement("span");
    b.type = "button";
    b.textContent = f.state === "waiting" ? "withdraw" : "heal";
    b.dataset.order = "/faults/" + f.id;
    b.dataset.method = "DELETE";
    told.className = "reason";
    told.setAttribute("role", "status");
    return [b, " ", told];
  };
  const row = (f, over) => {
    const tr = document.createElement("tr"), state = document.createElement("span");
    state.className = "v " + (marks[f.state] || "");
    state.textContent = f.state;
    const when = f.struck_at ? `struck at ${tenths(f.struck_at)}${f.healed_at ? ", healed at " + tenths(f.healed_at) : ""}` : "";
    const open = !over && (f.state === "waiting" || f.state === "in force");
    tr.append(cell("number", String(f.id)), cell("state", state), cell("fault", `${f.planned.kind} ${(f.victims || []).join(" ")}`), cell("when", when), cell("seen", evidence(f)), cell("", ...(open ? healing(f) : [])));
    return tr;
  };
  let drawn = "";
  SQ.served = function () {
    const p = D.plan, box = byId("plan");
    if (!p || !box) return;
    const now = JSON.stringify([p.faults, p.ended]);
    if (now !== drawn) box.replaceChildren(...p.faults.map(f => row(f, p.ended))); // a button that nothing has changed stays under the pointer
    drawn = now;
    byId("noFault").hidden = p.faults.length > 0;
    const standing = byId("standing");
    standing.textContent = p.ended ? "The run is over: this is how the cluster was then. It is served on, and no fault strikes any more." : p.paused ? "Time stands still: resume it, or step." : p.reached && p.reached < 0.95 * p.speed ? `This machine can't keep pace: time passes ${p.reached.toFixed(1)} times as fast as yours instead of ${p.speed}; ${p.lost} of yours are lost.` : p.speed === 1 ? "Time passes as fast as yours." : `Time passes ${p.speed} times as fast as yours.`;
    standing.hidden = false;
  };
  const kind = byId("kind"), choose = () => { byId("fault").value = kind.value; byId("about").textContent = kind.selectedOptions[0].title; };
  kind.addEventListener("change", choose);
  choose();
  SQ.charts.push(SQ.served);
  SQ.redraw();
})();
