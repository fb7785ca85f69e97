"use strict";
// On paper nothing can be opened: it is open. Every page has this part.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(d => { d.open = true; }));
