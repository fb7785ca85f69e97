package recovery

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/internal/planted"
)

// FilterRef is one allocation filter that keeps a copy from nodes.
type FilterRef struct {
	// Key of the setting, such as cluster.routing.allocation.exclude._name, and whose it is.
	Key, Scope string
	// Nodes that it keeps the copy from and that would take it otherwise.
	Nodes []string
}

// String names the filter and the nodes.
func (f FilterRef) String() string { return f.Key + ", which keeps it from " + someOf(f.Nodes) }

// shownFilters finds the filters in the text of the filter decider: node matches cluster
// setting [cluster.routing.allocation.exclude] filters [_name:"n1 OR n2",zone:"a"].
var (
	shownFilters = regexp.MustCompile(`filters \[(.*)\]$`)
	shownFilter  = regexp.MustCompile(`([^\s,:\[]+):"([^"]*)"`)
)

// filtersOf are the filters that keep a copy from the nodes nearest to taking it.
func filtersOf(near []NodeReasons) []FilterRef {
	var out []FilterRef
	for _, n := range near {
		for _, r := range n.Reasons {
			m := shownFilters.FindStringSubmatch(r.Text)
			if r.Cause != Filter || m == nil {
				continue
			}
			for _, f := range shownFilter.FindAllStringSubmatch(m[1], -1) {
				key := r.Setting + "." + f[1]
				i := slices.IndexFunc(out, func(x FilterRef) bool { return x.Key == key })
				if i < 0 {
					out = append(out, FilterRef{Key: key, Scope: r.Scope})
					i = len(out) - 1
				}
				out[i].Nodes = append(out[i].Nodes, n.Node)
			}
		}
	}
	return out
}

// clearFilter takes away what keeps copies from nodes that would take them otherwise. A
// filter of the cluster holds for every index, as a drain does: a word for one index isn't
// one for that.
func clearFilter(f *Fault, d Diagnosis, _ Config) Proposal {
	if len(d.Filters) == 0 {
		return Proposal{Action: Ask, Advice: "an allocation filter that can't be told from the explanation leaves no node: " + d.Detail}
	}
	p := Proposal{Action: ClearFilter, Filters: d.Filters}
	var names []string
	approval := approvalOf(ClearFilter, f)
	for _, filter := range d.Filters {
		names = append(names, filter.String())
		if filter.Scope == scopeCluster {
			p.Everywhere, approval = true, Approval(ClearFilter)
		}
	}
	p.Advice = fmt.Sprintf("somebody has set allocation filters that leave no node; with the approval %q these and no others are taken away: %s",
		approval, strings.Join(names, "; "))
	if p.Everywhere {
		p.Advice += "; a filter of the cluster is one for every index, and a node that is being drained would be filled again"
	}
	return p
}

// clearFilters takes filters away: of those with a list of nodes only the entries of the
// nodes in question.
func (m *Manager) clearFilters(ctx context.Context, f *Fault, filters []FilterRef) (controller.Step, error) {
	step := controller.Step{What: string(ClearFilter)}
	cluster, index, err := m.filterSettings(ctx, f.Index)
	if err != nil {
		return step, err
	}
	var change controller.ClusterSettings
	own := map[string]*string{}
	for _, filter := range filters {
		switch {
		case filter.Scope != scopeCluster:
			if was, ok := index[filter.Key]; ok {
				own[filter.Key] = without(filter, was)
				step.Changes = append(step.Changes, changeOf(f.Index+"/"+filter.Key, was, own[filter.Key]))
			}
		case cluster.Transient[filter.Key] != "":
			was := cluster.Transient[filter.Key]
			set(&change.Transient, filter.Key, without(filter, was))
			step.Changes = append(step.Changes, changeOf(filter.Key, was, change.Transient[filter.Key]))
		case cluster.Persistent[filter.Key] != "":
			was := cluster.Persistent[filter.Key]
			set(&change.Persistent, filter.Key, without(filter, was))
			step.Changes = append(step.Changes, changeOf(filter.Key, was, change.Persistent[filter.Key]))
		}
	}
	const drained = "cluster.routing.allocation.exclude._name"
	if planted.Is(planted.WrongFilterCleared) && cluster.Persistent[drained] != "" {
		change.Persistent, own = map[string]*string{drained: nil}, nil
	}
	if len(step.Changes) == 0 {
		return step, errors.New("the filters are gone already")
	}
	if len(own) > 0 {
		if err := m.client.UpdateIndexSettings(ctx, f.Index, own); err != nil {
			return controller.Step{What: step.What}, err
		}
		step.Calls++
	}
	if change.Persistent != nil || change.Transient != nil {
		if err := m.client.UpdateClusterSettings(ctx, change); err != nil {
			return controller.Step{What: step.What}, err
		}
		step.Calls++
	}
	return step, nil
}

// filterSettings are the settings of the cluster, and the filters of an index.
func (m *Manager) filterSettings(ctx context.Context, index string) (cluster controller.SettingsInForce, own map[string]string, err error) {
	if cluster, err = m.client.GetClusterSettings(ctx); err != nil {
		return cluster, nil, err
	}
	all, err := m.client.GetIndexSettings(ctx, "index.routing.allocation.*")
	if err != nil {
		return cluster, nil, err
	}
	for _, s := range all {
		if s.Index == index {
			own = s.Values
		}
	}
	return cluster, own, nil
}

func set(settings *map[string]*string, key string, value *string) {
	if *settings == nil {
		*settings = map[string]*string{}
	}
	(*settings)[key] = value
}

func changeOf(key, was string, now *string) controller.SettingChange {
	c := controller.SettingChange{Key: key, From: was}
	if now != nil {
		c.To = *now
	}
	return c
}

// without is what is left of a filter's value for nodes that it doesn't concern; nil:
// nothing. Only names of nodes can be told apart in a list that excludes.
func without(f FilterRef, value string) *string {
	if !strings.HasSuffix(f.Key, ".exclude._name") {
		return nil
	}
	var left []string
	for _, name := range strings.Split(value, ",") {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(f.Nodes, name) {
			left = append(left, name)
		}
	}
	text := strings.Join(left, ",")
	if text == "" || len(left) == len(strings.Split(value, ",")) {
		return nil // a pattern: it goes as a whole
	}
	return &text
}
