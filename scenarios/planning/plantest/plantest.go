package plantest

import (
	"testing"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/planning"
)

// Option varies a plan.
type Option func(*planning.Config)

// Set replaces a value of the file: "cluster.nodes.count=5".
func Set(assignment string) Option {
	return func(c *planning.Config) { c.Set = append(c.Set, assignment) }
}

// Change plans the changed cluster, too: the objectives are those of the changed one.
func Change(assignment string) Option {
	return func(c *planning.Config) { c.Changes = append(c.Changes, assignment) }
}

// Seeds is how many seeds every loss is run with.
func Seeds(n int) Option { return func(c *planning.Config) { c.Seeds = n } }

// Losses are the kinds of losses that are tried: node, master, restart, zone, ….
func Losses(kinds ...string) Option {
	return func(c *planning.Config) { c.Losses = append(c.Losses, kinds...) }
}

// Pairs adds every pair of nodes.
func Pairs() Option { return func(c *planning.Config) { c.Pairs = true } }

// Machines looks for the smallest fleet of the machine types in a file.
func Machines(file string) Option { return func(c *planning.Config) { c.Machines = file } }

// Kept is a folder in which the runs are kept between tests, so that none is made twice.
func Kept(dir string) Option { return func(c *planning.Config) { c.Cache = dir } }

// Run plans a cluster, described in a file or imported, against objectives as a file has them,
// such as "{survive: [node, zone], green-within: 30m}"; "" are those of the file. Each
// objective is a subtest, which fails when it isn't met or could not be decided.
func Run(t *testing.T, file, objectives string, opts ...Option) *planning.Result {
	t.Helper()
	backend, err := catalog.Backend("sim")
	if err != nil {
		t.Fatal(err)
	}
	c := planning.Config{File: file, Vocabulary: catalog.Vocabulary(), Runner: func() *scenarios.Runner {
		return &scenarios.Runner{Backend: backend, NewSupervisor: catalog.Supervisor, Explain: catalog.Explain}
	}}
	if objectives != "" {
		c.Set = append(c.Set, "objectives="+objectives)
	}
	for _, opt := range opts {
		opt(&c)
	}
	r, err := planning.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range r.Sides[len(r.Sides)-1].Objectives {
		t.Run(o.Name, func(t *testing.T) {
			if o.Verdict != scenarios.Pass {
				t.Errorf("%s: %s", o.Verdict, o.Reason)
			}
		})
	}
	if t.Failed() {
		t.Log(r.Headline)
	}
	return r
}
