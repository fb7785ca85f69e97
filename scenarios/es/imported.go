package es

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/clusterfile"
)

// importedIndex is an index of the file that the cluster was taken from, or nil.
func importedIndex(s *scenarios.Scenario, name string) *clusterfile.Index {
	im := s.Imported()
	if im == nil {
		return nil
	}
	for i := range im.Indices {
		if im.Indices[i].Name == name {
			return &im.Indices[i]
		}
	}
	return nil
}

// NewIndices are those of the scenario that the cluster does not have yet.
func NewIndices(s *scenarios.Scenario) []scenarios.IndexSection {
	if s.Imported() == nil {
		return s.Cluster.Indices
	}
	return slices.DeleteFunc(slices.Clone(s.Cluster.Indices), func(ix scenarios.IndexSection) bool { return importedIndex(s, ix.Name) != nil })
}

// loadedIndices are those that have to be made and filled: the new ones whose copies the
// scenario does not put anywhere.
func loadedIndices(s *scenarios.Scenario) []scenarios.IndexSection {
	return slices.DeleteFunc(slices.Clone(NewIndices(s)), func(ix scenarios.IndexSection) bool { return ix.Copies != nil })
}

// checkImported finds entries of indices: that try to change what can't be changed of an
// index that is there. It asks what the file has, so it comes before defaults are filled in.
func checkImported(s *scenarios.Scenario, d *scenarios.Defaults) {
	if s.Imported() == nil {
		return
	}
	for i, ix := range s.Cluster.Indices {
		at := fmt.Sprintf("$.cluster.indices[%d]", i)
		keys := []string{"placement", "copies"} // of a new index: nobody knows the order of the nodes
		if importedIndex(s, ix.Name) != nil {
			keys = []string{"shards", "replicas", "size", "docs", "placement", "copies"}
		}
		for _, key := range keys {
			if d.Has(at + "." + key) {
				d.Bad(at+"."+key, "%s is in %s with its copies; expected only settings:, or a new index without a placement", ix.Name, s.Cluster.From)
			}
		}
	}
}

// Enlist adds members to a cluster that was imported: empty ones.
func Enlist(s *scenarios.Scenario, groups []scenarios.NodeGroup) error {
	im := s.Imported()
	if im == nil {
		return errors.New("the cluster was not imported")
	}
	c := *im.Cluster
	c.Nodes = slices.Clone(c.Nodes)
	for _, g := range groups {
		n := clusterfile.Node{
			Name: g.Names[0], Version: c.Version.Number, Roles: slices.Clone(g.Roles), Attributes: map[string]string{},
			Disk:    clusterfile.Disk{Total: clusterfile.Guessed(int64(g.Disk)), Available: clusterfile.Guessed(int64(g.Disk)), KnownTotal: clusterfile.Guessed(int64(g.Disk)), KnownAvailable: clusterfile.Guessed(int64(g.Disk))},
			HeapMax: clusterfile.Guessed(int64(g.Heap)), Processors: clusterfile.Guessed(int64(g.CPUs)),
		}
		for _, a := range slices.Sorted(maps.Keys(g.Attributes)) {
			n.Attributes[a] = g.Attributes[a][0]
		}
		c.Nodes = append(c.Nodes, n)
	}
	return s.Reimport(&c)
}
