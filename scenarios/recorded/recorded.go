package recorded

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// Timeline is a recorded course of events and the scenario that repeats it.
type Timeline struct {
	// Scenario is the name of the scenario, and of its file without ".yaml".
	Scenario string
	// ID and Variant say where in the recordings the repetitions stand; Variant "" is all.
	ID, Variant string
	// Reps are the repetitions by position among those of the variant, from 0 on; nil is
	// all. They stand apart where the times of the marks differ by more than chance.
	Reps []int
}

// Timelines are all there are, in the order of the recordings.
func Timelines() []Timeline {
	return []Timeline{
		{Scenario: "p1-kill-data-node", ID: "P1"},
		{Scenario: "p2-kill-master", ID: "P2"},
		{Scenario: "p3-leases-stale", ID: "P3", Variant: "leases-stale"},
		{Scenario: "p3-leases-renewed", ID: "P3", Variant: "leases-renewed"},
		{Scenario: "p4-fast-detection", ID: "P4", Variant: "fast-detection"},
		{Scenario: "p4-default-detection", ID: "P4", Variant: "default-detection"},
		{Scenario: "p4-fast-detection-master", ID: "P4", Variant: "fast-detection-master"},
		{Scenario: "p5-rebalance-12-4-2", ID: "P5"},
		{Scenario: "p6-fourth-node-joins", ID: "P6"},
		{Scenario: "p7-first-tries-late", ID: "P7", Variant: "first-tries", Reps: []int{0}},
		{Scenario: "p7-first-tries-early", ID: "P7", Variant: "first-tries", Reps: []int{1}},
		{Scenario: "p7-first-tries-early-short", ID: "P7", Variant: "first-tries", Reps: []int{2}},
		{Scenario: "p7-high", ID: "P7", Variant: "high"},
		{Scenario: "p7-flood", ID: "P7", Variant: "flood"},
		{Scenario: "p7-flood-pinned", ID: "P7", Variant: "flood-pinned"},
		{Scenario: "p8-unlimited", ID: "P8", Variant: "unlimited"},
		{Scenario: "p8-40mb", ID: "P8", Variant: "40mb"},
		{Scenario: "p8-10mb", ID: "P8", Variant: "10mb"},
		{Scenario: "p8-link-5mb", ID: "P8", Variant: "link-5mb"},
	}
}

// Text is a scenario's file and its name.
func Text(scenario string) (name string, text []byte, err error) {
	name = strings.TrimSuffix(scenario, ".yaml") + ".yaml"
	text, err = files.ReadFile(name)
	if err != nil {
		return "", nil, fmt.Errorf("there is no recorded timeline %q", scenario)
	}
	return name, text, nil
}
