package es

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/es/client"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// CopiesAgree expects all copies of a shard to hold equally many documents and to be at the
// same operation, when load and faults are over and the cluster is at rest.
type CopiesAgree struct {
	When string `yaml:"copies-agree" jsonschema:"required,enum=end"`
}

// Kind implements [scenarios.Expectation].
func (*CopiesAgree) Kind() string { return "copies-agree" }

// Check implements [scenarios.Expectation].
func (e *CopiesAgree) Check(*scenarios.Scenario) []source.Problem {
	if e.When != "end" {
		return []source.Problem{source.Problemf("copies-agree", "%s", source.Unknown("moment", e.When, []string{"end"}))}
	}
	return nil
}

// copyFigures are what a copy says of itself.
type copyFigures struct {
	Index  string `json:"index"`
	Shard  string `json:"shard"`
	State  string `json:"state"`
	Node   string `json:"node"`
	Docs   string `json:"docs"`
	MaxSeq string `json:"seq_no.max"`
}

// sight is what the session has looked at because somebody expects something of it.
type sight struct {
	copies []copyFigures
	err    error // why there are none
	// before and after are the cluster's settings at t=0 and when all was over.
	before, after map[string]string
}

// agreeLimit bounds the look at the copies.
const agreeLimit = 30 * time.Second

// lookAtCopies asks for the figures of all copies, if the scenario wants to know.
func (e *session) lookAtCopies(ctx context.Context) {
	wanted := slices.ContainsFunc(e.r.Scenario().Expect, func(x scenarios.Expect) bool { _, is := x.Expectation.(*CopiesAgree); return is })
	if !wanted {
		return
	}
	limited, cancel := e.r.Clock().WithTimeout(ctx, agreeLimit)
	defer cancel()
	s := e.sights()
	s.err = errors.New("no node answered")
	for _, n := range e.tracers.nodes {
		if s.copies, s.err = e.tracers.figures(limited, n); s.err == nil {
			break
		}
	}
}

// sights is where the session notes what it looks at.
func (e *session) sights() *sight {
	s, known := e.r.History().Own.(*sight)
	if !known {
		s = &sight{}
		e.r.History().Own = s
	}
	return s
}

// figures asks a node for the figures of all copies.
func (t *tracers) figures(ctx context.Context, n client.Node) ([]copyFigures, error) {
	if _, _, err := t.call(ctx, http.MethodPost, n, "/_refresh"); err != nil {
		return nil, err
	}
	status, data, err := t.call(ctx, http.MethodGet, n, "/_cat/shards?format=json&h=index,shard,state,node,docs,seq_no.max")
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("_cat/shards: %d %s", status, data)
	}
	var out []copyFigures
	if err := json.Unmarshal(data, &out); err != nil {
		return nil, fmt.Errorf("_cat/shards: %w", err)
	}
	return out, nil
}

// Judge implements [scenarios.Expectation].
func (e *CopiesAgree) Judge(h *observed.History) []scenarios.Outcome {
	const name = "copies that agree"
	s, looked := h.Own.(*sight)
	switch {
	case !looked || s.copies == nil && s.err == nil:
		return []scenarios.Outcome{scenarios.Undecided(name, "nobody looked at the copies")}
	case s.err != nil:
		return []scenarios.Outcome{scenarios.Undecided(name, "the copies could not be looked at: %v", s.err)}
	case h.Settled < 0:
		return []scenarios.Outcome{scenarios.Undecided(name, "the cluster did not come to rest, and what still recovers may differ")}
	}
	first := map[[2]string]copyFigures{}
	var differ []string
	compared := 0
	for _, c := range s.copies {
		if c.State != "STARTED" {
			continue
		}
		k := [2]string{c.Index, c.Shard}
		a, known := first[k]
		if !known {
			first[k] = c
			continue
		}
		compared++
		if a.Docs != c.Docs || a.MaxSeq != c.MaxSeq {
			differ = append(differ, fmt.Sprintf("%s[%s]: %s documents, operation %s on %s; %s, %s on %s", c.Index, c.Shard, a.Docs, a.MaxSeq, a.Node, c.Docs, c.MaxSeq, c.Node))
		}
	}
	if compared == 0 {
		return []scenarios.Outcome{scenarios.Idled(name, "no shard had two copies to compare")}
	}
	n := float64(len(differ))
	o := scenarios.Outcome{Name: name, Verdict: scenarios.Pass, Observed: scenarios.Number(n), Limit: scenarios.Number(0), Margin: scenarios.Number(0 - n),
		Reason: fmt.Sprintf("%d copies hold as many documents as the other of their shard and are at the same operation", compared)}
	if n > 0 {
		o.Verdict, o.Reason = scenarios.Fail, "they differ: "+strings.Join(differ, "; ")
	}
	return []scenarios.Outcome{o}
}
