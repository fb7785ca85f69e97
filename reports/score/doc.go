// Package score turns series of numbers into the figures of a report: how evenly a
// quantity is spread over nodes, and how latencies and times are distributed. Sums
// are gonum's; results that are printed or compared are rounded to nine significant
// digits, so that they are the same on every architecture.
package score
