package main

import (
	"fmt"
	"slices"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
)

// ownPolicy is the side of each scenario's own policy.
const ownPolicy = "own"

// policySides are the policies as sides; one alone is compared with the scenarios' own.
func (f *compareFlags) policySides() ([]sideSpec, error) {
	known := catalog.Vocabulary().Policies
	var sides []sideSpec
	if len(f.policies) == 1 {
		sides = append(sides, sideSpec{label: ownPolicy, policy: ownPolicy, backend: "sim"})
	}
	for _, p := range f.policies {
		if !slices.Contains(known, p) {
			return nil, fmt.Errorf("--policies: %s", source.Unknown("policy", p, known))
		}
		if slices.ContainsFunc(sides, func(o sideSpec) bool { return o.label == p }) {
			return nil, fmt.Errorf("--policies: %s is named twice", p)
		}
		sides = append(sides, sideSpec{label: p, policy: p, backend: "sim"})
	}
	return sides, nil
}

// withPolicy is the scenario as a side runs it.
func (s sideSpec) withPolicy(l *scenarios.Loaded) *scenarios.Loaded {
	switch s.policy {
	case "":
		return l
	case ownPolicy:
		return l.WithPolicy(l.Controller.Policy)
	}
	return l.WithPolicy(s.policy)
}

// balancing keeps the scenarios in which policies can differ; one that was named and isn't
// among them is refused.
func balancing(names []string, named bool, set []string) ([]string, error) {
	var out []string
	for _, name := range names {
		s, err := scenarios.Load(name, set, catalog.Vocabulary())
		if err != nil {
			return nil, exit.Usage(err)
		}
		switch {
		case s.Balances():
			out = append(out, name)
		case named:
			return nil, exit.Usagef("%s has no controller with a policy that acts, so there is nothing to compare", name)
		}
	}
	return out, nil
}

// policyRuns are the reports of a comparison of policies, cut down to what the table of means
// is made of. The same policy may be two sides; each of its runs counts once.
type policyRuns struct {
	reports []*reports.Report
	seen    map[policyRun]bool
}

type policyRun struct {
	scenario, policy string
	seed             uint64
}

func (p *policyRuns) add(r *reports.Report) {
	k := policyRun{r.Scenario, r.Control.Policy, r.Seed}
	if p.seen[k] {
		return
	}
	if p.seen == nil {
		p.seen = make(map[policyRun]bool)
	}
	p.seen[k] = true
	p.reports = append(p.reports, &reports.Report{Scenario: r.Scenario, Seed: r.Seed, Control: r.Control, Scores: r.Scores})
}
