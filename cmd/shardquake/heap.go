package main

import "os"

// heapFloor is how much of the heap counts as in use, though nothing is in it.
const heapFloor = 128 << 20

// floor is never touched, so that it takes no memory of the machine's.
var floor []byte

// manyRuns is for commands that make many runs: a run of a small cluster leaves ten megabytes
// of garbage and keeps one or two, which the collector would go through again and again. With
// the floor it waits until more than that has been left; large clusters, whose runs keep more,
// it collects as ever. GOGC and GOMEMLIMIT, where they are set, hold as they are.
func manyRuns() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" && floor == nil {
		floor = make([]byte, heapFloor)
	}
}
