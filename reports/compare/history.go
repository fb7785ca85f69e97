package compare

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/internal/version"
)

// Chosen is what a history has of one side.
type Chosen struct {
	Label   string
	Records []Record
}

// LastSides are the sides that a history was last told of, the base first: those of the last
// comparison by their labels, each with its newest version; of runs that were not compared
// the newest version against the last green one of main before it, or the last release, or
// the version before.
func LastSides(records []Record) ([]Chosen, error) {
	var out []Chosen
	for _, r := range records {
		if r.Label != "" && !slices.ContainsFunc(out, func(c Chosen) bool { return c.Label == r.Label }) {
			of := filter(records, func(o Record) bool { return o.Label == r.Label })
			out = append(out, Chosen{r.Label, newest(of)})
		}
	}
	switch len(out) {
	case 0:
		return lastVersions(records)
	case 1:
		return nil, fmt.Errorf("the history has runs of one side only, %s", out[0].Label)
	}
	return out, nil
}

// lastVersions compares the newest version with the one that the rules choose.
func lastVersions(records []Record) ([]Chosen, error) {
	if len(records) == 0 {
		return nil, errors.New("the history is empty")
	}
	now := records[len(records)-1].Version
	before := filter(records, func(r Record) bool { return r.Version != now })
	if len(before) == 0 {
		return nil, fmt.Errorf("the history has runs of one version only, %s", now)
	}
	base := before[len(before)-1].Version
	if rules := baselines(before); len(rules) > 0 {
		base = rules[len(rules)-1].Version
	}
	return []Chosen{
		{base.String(), ofVersion(records, base)},
		{now.String(), ofVersion(records, now)},
	}, nil
}

// OfRevision are the runs of a revision, by its first digits, or of a version.
func OfRevision(records []Record, label, revision string) (Chosen, error) {
	of := filter(records, func(r Record) bool {
		return r.Version.Version == revision || (r.Version.Revision != "" && strings.HasPrefix(r.Version.Revision, revision))
	})
	if len(of) == 0 {
		return Chosen{}, fmt.Errorf("the history has no run of %s", revision)
	}
	for _, r := range of {
		if r.Version.Revision != of[0].Version.Revision {
			return Chosen{}, fmt.Errorf("%s may be %s or %s", revision, of[0].Version, r.Version)
		}
	}
	return Chosen{label, last(of)}, nil
}

func ofVersion(records []Record, v version.Build) []Record {
	return last(filter(records, func(r Record) bool { return r.Version == v }))
}

// newest keeps of each scenario the runs of the version that it was last run with.
func newest(records []Record) []Record {
	is := make(map[string]version.Build)
	for _, r := range records {
		is[r.Scenario] = r.Version
	}
	return last(filter(records, func(r Record) bool { return r.Version == is[r.Scenario] }))
}

// last keeps of a simulated run that was made several times the last line; each real run is
// one of its own.
func last(records []Record) []Record {
	type key struct {
		scenario string
		seed     uint64
	}
	at := make(map[key]int)
	for i, r := range records {
		at[key{r.Scenario, r.Seed}] = i
	}
	var out []Record
	for i, r := range records {
		if r.Backend != "sim" || at[key{r.Scenario, r.Seed}] == i {
			out = append(out, r)
		}
	}
	return out
}

func filter(records []Record, keep func(Record) bool) []Record {
	var out []Record
	for _, r := range records {
		if keep(r) {
			out = append(out, r)
		}
	}
	return out
}

// LookOf is at which look at a growing sample the runs were compared; one of one where they
// were not compared.
func LookOf(sides []Chosen) (look, looks int) {
	look, looks = 1, 1
	for _, s := range sides {
		for _, r := range s.Records {
			if r.Looks > looks || (r.Looks == looks && r.Look > look) {
				look, looks = r.Look, r.Looks
			}
		}
	}
	return look, looks
}
