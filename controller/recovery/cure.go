package recovery

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/controller"
)

// Cured is a diagnosis with what to do about it.
type Cured struct {
	Index   string `json:"index"`
	Shard   int    `json:"shard"`
	Primary bool   `json:"primary"`

	Cause   Cause         `json:"cause"`
	Decider string        `json:"decider,omitempty"` // that says no
	Detail  string        `json:"detail"`
	Cure    string        `json:"cure"`
	Besides []string      `json:"besides,omitempty"` // what else would have to change
	Nodes   []NodeReasons `json:"nodes,omitempty"`
}

// String names the copy.
func (c Cured) String() string { return key{c.Index, c.Shard, c.Primary}.String() }

// Text is the diagnosis for people, a line for each of its parts.
func (c Cured) Text() string {
	out := fmt.Sprintf("%s: %s\n  why   %s\n  cure  %s\n", c, named(c.Cause, c.Decider), c.Detail, c.Cure)
	for _, b := range c.Besides {
		out += "  also  " + b + "\n"
	}
	return out
}

// named is a cause with the decider behind it.
func named(c Cause, decider string) string {
	if decider == "" {
		return string(c)
	}
	return fmt.Sprintf("%s, decider %s", c, decider)
}

// Advise says of an explained copy why it is where it is, and what to do about it.
func Advise(x controller.AllocationExplanation) Cured {
	out := Cured{Index: x.Index, Shard: x.Shard, Primary: x.Primary}
	switch {
	case x.State == "" || x.State == "unassigned":
		return advise(out, Diagnose(x))
	case x.State == "started" && x.CanRemain == "no":
		return advise(out, stays(x))
	}
	out.Cause, out.Cure = None, Wait.cure()
	out.Detail = cmp.Or(x.Text, fmt.Sprintf("it is %s on %s", x.State, x.Node))
	return out
}

// stays is the diagnosis of a copy that may not stay on its node, and can't leave it.
func stays(x controller.AllocationExplanation) Diagnosis {
	var why []string
	for _, o := range x.Remain {
		why = append(why, o.Text)
	}
	d := refused(x)
	d.Detail = fmt.Sprintf("it may not stay on %s (%s), and no other node takes it: %s", x.Node, strings.Join(why, "; "), d.Detail)
	if x.CanMove == "yes" {
		d = Diagnosis{Cause: Throttled, Detail: fmt.Sprintf("it may not stay on %s (%s) and is going to move", x.Node, strings.Join(why, "; "))}
	}
	return d
}

func advise(out Cured, d Diagnosis) Cured {
	f := &Fault{Index: out.Index, Shard: out.Shard, Primary: out.Primary, key: key{out.Index, out.Shard, out.Primary}}
	cfg, err := Config{}.withDefaults()
	if err != nil {
		cfg = Config{}
	}
	p := strategyFor(d.Cause).propose(f, d, cfg)
	out.Cause, out.Decider, out.Detail, out.Besides, out.Nodes = d.Cause, d.Decider, d.Detail, d.Besides, d.Nodes
	out.Cure = cmp.Or(p.advice(), p.Action.cure())
	return out
}

// cure says what an action that needs nobody's word does.
func (a Action) cure() string {
	switch a {
	case Wait:
		return "none is needed: Elasticsearch goes on by itself"
	case Nudge:
		return "POST /_cluster/reroute, where Elasticsearch doesn't come to it by itself"
	case RetryFailed:
		return "mend what made it fail, then POST /_cluster/reroute?retry_failed=true"
	case EnableAllocation:
		return `PUT /_cluster/settings {"persistent":{"cluster.routing.allocation.enable":null}}`
	}
	return string(a)
}

// shardsLimit is what to do where limits on shards per node leave no node.
func shardsLimit(_ *Fault, d Diagnosis, _ Config) Proposal {
	var settings, room []string
	for _, n := range d.Nodes {
		for _, r := range n.Reasons {
			if r.Cause == ShardsLimit && r.Setting != "" && !slices.Contains(settings, r.Setting) {
				settings = append(settings, r.Setting)
			}
		}
		if n.only(TooFewNodes) {
			room = append(room, n.Node)
		}
	}
	p := Proposal{Action: Ask, Advice: fmt.Sprintf("raise %s, or add a node", cmp.Or(strings.Join(settings, " and "), "total_shards_per_node"))}
	if len(room) > 0 {
		p.Advice += fmt.Sprintf("; or move another shard of the index to %s, which has room but holds a copy of this one, and so make room on a node that has none", strings.Join(room, " or "))
	}
	return p
}

// preferred finds the tiers in the text of the data_tier decider.
var preferred = regexp.MustCompile(`preference for tiers \[([^\]]*)\]`)

// missingTier is what to do where no node is of a tier that the index prefers.
func missingTier(_ *Fault, d Diagnosis, _ Config) Proposal {
	tiers := "the preferred tiers"
	if m := preferred.FindStringSubmatch(d.Detail); m != nil {
		tiers = m[1]
	}
	return Proposal{Action: Ask, Advice: fmt.Sprintf("add a node with a role of %s, or change %s of the index", tiers, tierPreference)}
}

// zones finds attribute and values in the awareness decider's text.
var zones = regexp.MustCompile(`values for attribute \[([^\]]+)\] \(\[([^\]]*)\] from nodes in the cluster and (?:no forced awareness|\[([^\]]*)\] from forced awareness)\)`)

// awareness is what to do where the spread over an attribute's values leaves no node: a
// value that is forced has no node, or those of a value that lacks a copy can't take it.
func awareness(_ *Fault, d Diagnosis, _ Config) Proposal {
	ask := func(format string, args ...any) Proposal {
		return Proposal{Action: Ask, Advice: fmt.Sprintf(format, args...)}
	}
	attribute, there, forced := spreadOver(d.Nodes)
	if attribute == "" {
		return ask("give every node the attribute that awareness goes by, or add a node that has it")
	}
	var missing []string
	for _, v := range forced {
		if !slices.Contains(there, v) {
			missing = append(missing, v)
		}
	}
	if len(missing) > 0 {
		return ask("bring a node of %s %s back or add one; until then copies with one %s would be lost together", attribute, strings.Join(missing, " or "), attribute)
	}
	short, why := valuesWithoutRoom(d.Nodes, attribute)
	if len(short) == 0 {
		return ask("add a node of a %s that has fewer copies, or lower number_of_replicas", attribute)
	}
	text := fmt.Sprintf("%s %s has too few nodes: add one, or lower number_of_replicas", attribute, strings.Join(short, " and "))
	if why != "" {
		text += " (" + why + ")"
	}
	return ask("%s", text)
}

// spreadOver is the attribute that the awareness decider names, with its values.
func spreadOver(nodes []NodeReasons) (attribute string, there, forced []string) {
	for _, n := range nodes {
		for _, r := range n.Reasons {
			if m := zones.FindStringSubmatch(r.Text); m != nil && r.Cause == Awareness {
				return m[1], values(m[2]), values(m[3])
			}
		}
	}
	return "", nil, nil
}

func values(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ", ")
}

// valuesWithoutRoom are the values whose nodes awareness would let take the copy, and that
// refuse it for other reasons.
func valuesWithoutRoom(nodes []NodeReasons, attribute string) (short []string, why string) {
	var reasons []NodeReasons
	for _, n := range nodes {
		v, ok := n.attributes[attribute]
		if !ok || n.has(Awareness) {
			continue
		}
		reasons = append(reasons, n)
		if !slices.Contains(short, v) {
			short = append(short, v)
		}
	}
	slices.Sort(short)
	return short, describe(reasons, Unclear)
}
