// Package page is what every page of Shardquake is made of: the report of a run, sweeps,
// comparisons, trends, fidelity, and the live pages of clusters at work. A page is one file
// that works offline; style, scripts and templates are embedded here once.
//
// A page brings a body (a Go template), its values, and for drawn parts the data that the
// scripts find as D. The parts:
//
//   - templates "verdict", "cards" and the classes of page.css: scroll (wide tables), stack
//     (tables that become blocks on narrow screens), chart (kept together in print);
//   - core.js: colours and dash patterns, axes, lines, the moment (slider, keyboard, link), which ties
//     everything that carries data-t together;
//   - run.js: health, counts, map, recoveries, load and followed writes of a run;
//   - gameday.js: figures inside their predicted bands, steps, guardrails;
//   - live.js: the same from a stream of server-sent events (package live is the other end);
//   - [Interval], [Dots] and [Trend]: small pictures that are drawn in Go, for comparisons.
package page
