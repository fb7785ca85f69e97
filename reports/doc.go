// Package reports turns what a run has left in memory into what people and tools
// read: report.json (the truth), and everything that is drawn from it: one HTML page
// that works offline, JUnit for CI, Markdown for a pull request, SVG plots, the trace.
//
// Two runs of the same scenario, seed and version write the same bytes, but for
// wall_s. Numbers that came out of floating-point sums are rounded to nine digits.
package reports
