package scenarios

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/scenarios/clusterfile"
)

// imported is the cluster that a scenario takes from a file (cluster: {from: …}): the
// file says which nodes there are and where every copy is; the scenario may say what the
// nodes' machines are like, change settings, and add indices.
type imported struct {
	file *clusterfile.File
	// given are the keys of nodes: that the scenario has.
	given map[string]bool
}

// overridable are the keys of nodes: that a scenario may have beside from:.
var overridable = []string{"disk", "disk-rate", "network", "latency", "cpus", "heap"}

// takeCluster reads the file that the scenario takes its cluster from. A path is relative
// to the folder of the scenario.
func (s *Scenario) takeCluster(scenarioFile string, voc Vocabulary, has func(path string) bool) []source.Problem {
	c := &s.Cluster
	if c.From == "" {
		return nil
	}
	const at = "$.cluster.from"
	path := c.From
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(scenarioFile), filepath.FromSlash(path))
	}
	read := voc.ReadCluster
	if read == nil {
		read = clusterfile.Load
	}
	file, err := read(path)
	if err != nil {
		return []source.Problem{source.Problemf(at, "%v", err)}
	}
	var ps []source.Problem
	if file.System != s.System {
		ps = append(ps, source.Problemf("$.system", "the cluster in %s is of system %s; expected the same here", c.From, file.System))
	}
	im := &imported{file: file, given: map[string]bool{}}
	for _, key := range overridable {
		im.given[key] = has("$.cluster.nodes." + key)
	}
	for _, key := range []string{"count", "late", "names", "roles", "roles-of", "attributes"} {
		if has("$.cluster.nodes." + key) {
			ps = append(ps, source.Problemf("$.cluster.nodes."+key, "the nodes are those of %s; expected only what their machines are like: %s", c.From, strings.Join(overridable, ", ")))
		}
	}
	if len(c.Nodes.Groups) > 0 {
		ps = append(ps, source.Problemf("$.cluster.nodes", "the nodes are those of %s; expected only what their machines are like: %s", c.From, strings.Join(overridable, ", ")))
		c.Nodes = NodesSection{}
	}
	c.imported = im
	c.Nodes.Count = len(file.Nodes)
	return ps
}

// Imported is the file that the cluster was taken from; nil where the scenario describes it.
func (s *Scenario) Imported() *clusterfile.File {
	if s.Cluster.imported == nil {
		return nil
	}
	return s.Cluster.imported.file
}

// Reimport has the scenario start from another state of the cluster that it was taken from.
func (s *Scenario) Reimport(c *clusterfile.Cluster) error {
	if s.Cluster.imported == nil {
		return errors.New("the cluster was not imported")
	}
	var data bytes.Buffer
	if err := c.Write(&data); err != nil {
		return err
	}
	sum := sha256.Sum256(data.Bytes())
	im := *s.Cluster.imported
	im.file = &clusterfile.File{Cluster: c, Data: data.Bytes(), SHA256: hex.EncodeToString(sum[:])}
	s.Cluster.imported = &im
	s.Cluster.Nodes.Count = len(c.Nodes)
	return nil
}

// TakenFrom is the file that the cluster was taken from, also where it was reduced for real
// nodes; nil where the scenario describes it.
func (s *Scenario) TakenFrom() *clusterfile.File {
	if s.Cluster.reduced != nil {
		return s.Cluster.reduced.file
	}
	return s.Imported()
}

// What an imported node's network is where neither the file nor the scenario says so: the
// API of a cluster does not tell it.
const (
	importedNetwork = 1_250_000_000
	importedLatency = 200 * time.Microsecond
)

// nodeSpec describes the i-th node, as the file has it where the scenario says nothing else.
func (im *imported) nodeSpec(n *NodeGroup, i int) NodeSpec {
	f := im.file.Nodes[i]
	out := NodeSpec{
		Name: f.Name, Disk: f.Disk.Total.Or(int64(n.Disk)), Network: importedNetwork, Latency: importedLatency,
		CPUs: int(f.Processors.Or(int64(n.CPUs))), Heap: f.HeapMax.Or(int64(n.Heap)), Roles: slices.Clone(f.Roles), Attributes: maps.Clone(f.Attributes), Version: f.Version,
	}
	replace(im.given["disk"], &out.Disk, int64(n.Disk))
	replace(im.given["disk-rate"], &out.DiskRate, int64(n.DiskRate))
	replace(im.given["network"], &out.Network, int64(n.Network))
	replace(im.given["latency"], &out.Latency, n.Latency.D())
	replace(im.given["cpus"], &out.CPUs, n.CPUs)
	replace(im.given["heap"], &out.Heap, int64(n.Heap))
	return out
}

func replace[T any](given bool, to *T, value T) {
	if given {
		*to = value
	}
}
