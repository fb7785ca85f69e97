package planning

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/es"
	"github.com/shardquake/shardquake/sim/elastic/settings"
)

// change is one difference between the cluster as it is and the other side.
type change struct {
	text string
	// set is a replacement of a value of the file; "": the change is one of those below.
	set string
	// amend makes the changed cluster of the one that there is; nil: set does.
	amend func(*scenarios.Scenario) error
	// before and steps bring the cluster to it while it runs: what must be known of it at the
	// start, and what an operator does.
	before func(*scenarios.Scenario) error
	steps  []chaos.Fault
	leaves []string // nodes that are taken out of service
	// keeps is how long indices are kept from then on, by name: as they grow old, too.
	keeps map[string]units.Days
	// untold is why what the change itself costs is not known; "": it is.
	untold string
}

// verbs are the changes that are no value of the file.
var verbs = map[string]func(s *scenarios.Scenario, value string) (change, error){
	"add-nodes": addNodes, "remove-nodes": removeNodes, "replace-nodes": replaceNodes, "replicas": changeReplicas, "shards": changeShards, "retention": changeRetention,
}

func verbNames() []string {
	return []string{"add-nodes", "remove-nodes", "replace-nodes", "replicas", "shards", "retention"}
}

// readChanges reads what --change has, for the cluster as it is.
func readChanges(s *scenarios.Scenario, texts []string) ([]change, error) {
	var out []change
	for _, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		verb, is := verbs[name]
		if !ok || value == "" {
			return nil, fmt.Errorf("--change %q: expected path=value as in --set, or one of %s", text, strings.Join(verbNames(), ", "))
		}
		if !is && !strings.ContainsAny(name, ".[") && slices.Contains(verbNames(), source.Nearest(name, verbNames())) && strings.Contains(name, "-") {
			return nil, fmt.Errorf("--change %q: %s", text, source.Unknown("change", name, verbNames()))
		}
		c := ofPath(s, text, name, value)
		if is {
			var err error
			if c, err = verb(s, value); err != nil {
				return nil, fmt.Errorf("--change %q: %w", text, err)
			}
		}
		c.text = text
		out = append(out, c)
	}
	return out, nil
}

// ofPath is a value of the file. Some of them are also what an operator does.
func ofPath(s *scenarios.Scenario, text, name, value string) change {
	c := change{set: text, untold: "it is compared as if it had always been so"}
	value = strings.Trim(value, "\"'")
	key, ofCluster := strings.CutPrefix(name, "cluster.settings.")
	key = strings.Trim(key, "\"'")
	switch {
	case strings.HasPrefix(name, "objectives"), strings.HasPrefix(name, "growth"):
		c.untold = "it costs nothing: it is what is asked"
	case strings.HasPrefix(name, "controller"):
		c.untold = "a controller moves nothing by being there; what it does after a loss is in the table"
	case ofCluster && key == replicasKey:
		if all, err := changeReplicas(s, "*:"+value); err == nil {
			return all
		}
	case ofCluster && strings.HasPrefix(key, "index."):
		c.steps, c.untold = ofEveryIndex(s, key, value)
	case ofCluster:
		c.steps, c.untold = []chaos.Fault{&chaos.SettingsChange{Set: map[string]string{key: value}}}, ""
		if e := settings.ClusterRegistry().Lookup(key); e == nil || !e.Dynamic() {
			c.steps, c.untold = nil, "the setting is not dynamic: it takes a rolling restart, whose cost is in the table"
		}
	case name == "cluster.nodes.count" && s.Imported() == nil:
		now := len(s.NodeSpecs())
		if n, err := strconv.Atoi(value); err == nil && n > now {
			in := joining(s, like(s, dataNodes(s), n-now))
			c.before, c.steps, c.untold = in.before, in.steps, ""
		}
	case strings.HasPrefix(name, "cluster.indices[") && strings.HasSuffix(name, "].replicas"):
		at, err := strconv.Atoi(name[len("cluster.indices[") : len(name)-len("].replicas")])
		if err == nil && at >= 0 && at < len(s.Cluster.Indices) {
			c.steps, c.untold = []chaos.Fault{&chaos.SettingsChange{Index: s.Cluster.Indices[at].Name, Set: map[string]string{replicasKey: value}}}, ""
		}
	}
	return c
}

const replicasKey = "index.number_of_replicas"

// ofEveryIndex sets a setting of each index, where that can be done while it serves.
func ofEveryIndex(s *scenarios.Scenario, key, value string) (steps []chaos.Fault, untold string) {
	if e := settings.IndexRegistry().Lookup(key); e == nil || !e.Dynamic() {
		return nil, "the setting is not dynamic: the indices must be made anew"
	}
	for _, name := range slices.Sorted(maps.Keys(primaryBytes(s))) {
		steps = append(steps, &chaos.SettingsChange{Index: name, Set: map[string]string{key: value}})
	}
	return steps, ""
}

// groupsOf are the nodes of a scenario, each a group of its own.
func groupsOf(s *scenarios.Scenario) []scenarios.NodeGroup {
	var out []scenarios.NodeGroup
	for _, n := range s.NodeSpecs() {
		g := groupOf(n)
		if n.Late {
			g.Late = 1
		}
		out = append(out, g)
	}
	return out
}

// like are new nodes like those that there are, in turn, with names of their own.
func like(s *scenarios.Scenario, models []scenarios.NodeSpec, n int) []scenarios.NodeGroup {
	taken := s.NodeNames()
	var out []scenarios.NodeGroup
	for i := range n {
		m := models[i%len(models)]
		for k := 1; ; k++ {
			if m.Name = fmt.Sprintf("new-%d", k); !slices.Contains(taken, m.Name) {
				break
			}
		}
		taken = append(taken, m.Name)
		out = append(out, groupOf(m))
	}
	return out
}

// dataNodes are those that hold data and are there from the start.
func dataNodes(s *scenarios.Scenario) []scenarios.NodeSpec {
	return slices.DeleteFunc(slices.Clone(s.NodeSpecs()), func(n scenarios.NodeSpec) bool { return n.Late || !holdsData(n) })
}

func addNodes(s *scenarios.Scenario, value string) (change, error) {
	count, model, _ := strings.Cut(value, " like ")
	n, err := strconv.Atoi(strings.TrimSpace(count))
	if err != nil || n < 1 || n > scenarios.MostNodes {
		return change{}, fmt.Errorf("expected a number of nodes from 1 on, such as add-nodes=2, or add-nodes=2 like %s", s.NodeNames()[0])
	}
	models := dataNodes(s)
	if model = strings.TrimSpace(model); model != "" {
		i := slices.IndexFunc(models, func(m scenarios.NodeSpec) bool { return m.Name == model })
		if i < 0 {
			return change{}, fmt.Errorf("%s", source.Unknown("node", model, s.NodeNames()))
		}
		models = models[i : i+1]
	}
	return joining(s, like(s, models, n)), nil
}

// joining is nodes that join. An imported cluster begins with them, empty.
func joining(s *scenarios.Scenario, fresh []scenarios.NodeGroup) change {
	var c change
	if s.Imported() != nil {
		c.amend = func(s *scenarios.Scenario) error { return es.Enlist(s, fresh) }
		c.before = c.amend
		return c
	}
	c.amend = func(s *scenarios.Scenario) error {
		s.Refit(append(groupsOf(s), fresh...), s.Cluster.Indices, s.Cluster.Settings)
		return nil
	}
	c.before = func(s *scenarios.Scenario) error {
		late := slices.Clone(fresh)
		for i := range late {
			late[i].Late = 1
		}
		s.Refit(append(groupsOf(s), late...), s.Cluster.Indices, s.Cluster.Settings)
		return nil
	}
	for _, g := range fresh {
		c.steps = append(c.steps, &chaos.NodeJoin{Node: g.Names[0]})
	}
	return c
}

// named are the nodes that a change names, parted by commas.
func named(s *scenarios.Scenario, value string) ([]scenarios.NodeSpec, error) {
	var out []scenarios.NodeSpec
	for _, name := range strings.Split(value, ",") {
		i := slices.IndexFunc(s.NodeSpecs(), func(n scenarios.NodeSpec) bool { return n.Name == strings.TrimSpace(name) })
		if i < 0 {
			return nil, fmt.Errorf("%s", source.Unknown("node", strings.TrimSpace(name), s.NodeNames()))
		}
		out = append(out, s.NodeSpecs()[i])
	}
	if len(out) >= len(s.NodeSpecs()) {
		return nil, fmt.Errorf("nothing would be left: there are %d nodes", len(s.NodeSpecs()))
	}
	return out, nil
}

func removeNodes(s *scenarios.Scenario, value string) (change, error) {
	out, err := named(s, value)
	if err != nil {
		return change{}, err
	}
	return leaving(s, out), nil
}

// leaving is nodes that are drained and taken away.
func leaving(s *scenarios.Scenario, out []scenarios.NodeSpec) change {
	var c change
	for _, n := range out {
		c.leaves = append(c.leaves, n.Name)
		c.steps = append(c.steps, &chaos.Drain{Node: chaos.Selector(n.Name)})
	}
	c.amend = func(s *scenarios.Scenario) error {
		if s.Imported() != nil { // they are drained from the first moment on, and stay, empty
			own := map[string]string{}
			for key, value := range s.Cluster.Settings {
				own[key] = value
			}
			const filter = "cluster.routing.allocation.exclude._name"
			names := append(strings.FieldsFunc(es.EffectiveSettings(s)[filter], func(r rune) bool { return r == ',' || r == ' ' }), c.leaves...)
			own[filter] = strings.Join(names, ",")
			s.Cluster.Settings = own
			return nil
		}
		groups := slices.DeleteFunc(groupsOf(s), func(g scenarios.NodeGroup) bool { return slices.Contains(c.leaves, g.Names[0]) })
		s.Refit(groups, unplaced(s.Cluster.Indices), s.Cluster.Settings)
		return nil
	}
	return c
}

// unplaced are indices of which the cluster itself says where they lie.
func unplaced(indices []scenarios.IndexSection) []scenarios.IndexSection {
	out := slices.Clone(indices)
	for i := range out {
		out[i].Placement = nil
	}
	return out
}

func replaceNodes(s *scenarios.Scenario, value string) (change, error) {
	old, err := named(s, value)
	if err != nil {
		return change{}, err
	}
	in, out := joining(s, like(s, old, len(old))), leaving(s, old)
	return change{
		amend: both(in.amend, out.amend), before: in.before, steps: append(in.steps, out.steps...), leaves: out.leaves,
	}, nil
}

func both(a, b func(*scenarios.Scenario) error) func(*scenarios.Scenario) error {
	return func(s *scenarios.Scenario) error {
		if err := a(s); err != nil {
			return err
		}
		return b(s)
	}
}

// matching are the indices that a change names, and what it has for them: PATTERN:VALUE.
func matching(s *scenarios.Scenario, value string) (names []string, text string, err error) {
	i := strings.LastIndex(value, ":")
	if i < 0 {
		return nil, "", fmt.Errorf("expected an index, a colon and a value")
	}
	pattern := value[:i]
	all := primaryBytes(s)
	known := slices.Sorted(maps.Keys(all))
	for _, name := range known {
		if is, err := path.Match(pattern, name); err != nil {
			return nil, "", fmt.Errorf("%q is no pattern", pattern)
		} else if is {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, "", fmt.Errorf("%s", source.Unknown("index", pattern, known))
	}
	return names, value[i+1:], nil
}

func changeReplicas(s *scenarios.Scenario, value string) (change, error) {
	names, text, err := matching(s, value)
	if err != nil {
		return change{}, fmt.Errorf("%w; such as replicas=logs-*:2", err)
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return change{}, fmt.Errorf("%q is no number of replicas; expected 0 or more", text)
	}
	var c change
	for _, name := range names {
		c.steps = append(c.steps, &chaos.SettingsChange{Index: name, Set: map[string]string{replicasKey: text}})
	}
	c.amend = func(s *scenarios.Scenario) error {
		indices := slices.Clone(s.Cluster.Indices)
		for i := range indices {
			if slices.Contains(names, indices[i].Name) {
				indices[i].Replicas, indices[i].Placement = &n, nil
			}
		}
		s.Cluster.Indices = indices
		if s.Imported() == nil {
			return nil
		}
		return s.Reimport(withReplicas(s.Imported().Cluster, names, n))
	}
	return c, nil
}

func changeShards(s *scenarios.Scenario, value string) (change, error) {
	names, text, err := matching(s, value)
	if err != nil {
		return change{}, fmt.Errorf("%w; such as shards=logs:12", err)
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1024 {
		return change{}, fmt.Errorf("%q is no number of shards; expected 1 to 1024", text)
	}
	written := int64(0)
	sizes := primaryBytes(s)
	for _, name := range names {
		written += sizes[name]
	}
	c := change{untold: fmt.Sprintf("shards can't be cut anew where they are: the data must be written into another index, %s in primaries and as much for each replica (derived)", units.FormatBytes(written))}
	c.amend = func(s *scenarios.Scenario) error { return reshard(s, names, n) }
	return c, nil
}
