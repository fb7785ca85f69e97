package chaos

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// VotingExclusion has an operator take nodes out of the voting configuration, as before
// they are taken away.
type VotingExclusion struct {
	Nodes []Selector     `yaml:"nodes" json:"nodes" jsonschema:"required,description=nodes or selectors; master-eligible ones"`
	For   units.Duration `yaml:"for,omitempty" json:"for,omitempty" jsonschema:"description=until all nodes may vote again; absent: for good"`
}

func votingExclusion() Kind {
	return Kind{
		Name: "voting-exclusion", About: "nodes are taken out of the voting configuration, as an operator would have it",
		Systems: []string{Elasticsearch},
		New:     func() Fault { return &VotingExclusion{} },
	}
}

// Kind implements [Fault].
func (*VotingExclusion) Kind() string { return "voting-exclusion" }

// Lasts implements [Fault].
func (f *VotingExclusion) Lasts() time.Duration { return f.For.D() }

// Permanent implements [Permanent].
func (f *VotingExclusion) Permanent() bool { return f.For == 0 }

// Check implements [Fault].
func (f *VotingExclusion) Check(t Topology) []source.Problem {
	var ps []source.Problem
	if len(f.Nodes) == 0 {
		ps = append(ps, source.Problemf("nodes", "no node is named; expected a list such as [n1]"))
	}
	for i, s := range f.Nodes {
		if msg := s.check(t, false, false); msg != "" {
			ps = append(ps, source.Problemf(fmt.Sprintf("nodes[%d]", i), "%s", msg))
		}
	}
	return ps
}

// Resolve implements [Fault].
func (f *VotingExclusion) Resolve(v View) (Resolved, error) {
	names, err := resolveAll(f.Nodes, v)
	if err != nil {
		return Resolved{}, err
	}
	return Resolved{
		Fault: &VotingExclusion{Nodes: asSelectors(names), For: f.For}, Victims: names, Primitives: []Primitive{&excludeVotes{names, f.For == 0}},
	}, nil
}

// excludeVotes keeps nodes from voting.
type excludeVotes struct {
	nodes   []string
	forGood bool
}

func (e *excludeVotes) String() string { return "exclude from voting: " + strings.Join(e.nodes, ", ") }

func (e *excludeVotes) Needs(t Target) error {
	if t.API == nil {
		return lacks("Elasticsearch's API")
	}
	return nil
}

// Holds implements [Primitive]: the exclusions are taken away all at once.
func (e *excludeVotes) Holds() Hold { return Hold{On: "exclusions from voting", Layered: true} }

func (e *excludeVotes) Inject(ctx context.Context, t Target) error {
	return t.API.Call(ctx, http.MethodPost, "/_cluster/voting_config_exclusions?node_names="+strings.Join(e.nodes, ","), nil, nil)
}

func (e *excludeVotes) Heal(ctx context.Context, t Target) error {
	return t.API.Call(ctx, http.MethodDelete, "/_cluster/voting_config_exclusions?wait_for_removal=false", nil, nil)
}

// excluded are the names of the nodes that must not vote.
func excluded(ctx context.Context, api API) ([]string, error) {
	var answer struct {
		Metadata struct {
			Coordination struct {
				Exclusions []struct {
					Name string `json:"node_name"`
				} `json:"voting_config_exclusions"`
			} `json:"cluster_coordination"`
		} `json:"metadata"`
	}
	err := api.Call(ctx, http.MethodGet, "/_cluster/state/metadata?filter_path=metadata.cluster_coordination", nil, &answer)
	var out []string
	for _, x := range answer.Metadata.Coordination.Exclusions {
		out = append(out, x.Name)
	}
	slices.Sort(out)
	return out, err
}

func (e *excludeVotes) Bites(ctx context.Context, t Target) Evidence {
	out, err := excluded(ctx, t.API)
	all := !slices.ContainsFunc(e.nodes, func(n string) bool { return !slices.Contains(out, n) })
	return evidence(e, err, all, "excluded from voting: %v", out)
}

func (e *excludeVotes) Gone(ctx context.Context, t Target) Evidence {
	out, err := excluded(ctx, t.API)
	return evidence(e, err, len(out) == 0 || e.forGood, "excluded from voting: %v", out)
}
