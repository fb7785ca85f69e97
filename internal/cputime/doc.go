// Package cputime tells what a process has computed, for benchmarks: on a machine that does
// other things as well, time by the clock says little.
package cputime
