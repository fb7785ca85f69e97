// Package units holds the quantities that scenario files are written in: durations
// ("90s"), sizes ("50mb"), percentages ("85%"), rates ("500/s"), bandwidths
// ("1gbit"), fractions ("1/1000"). Each reads YAML with the position of what is wrong, and
// writes the text that it would read.
package units
