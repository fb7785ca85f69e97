package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/internal/source"
)

// Corruption damages one copy of a shard on a node's disk. It has no end of its own: at
// the end of the run it is looked at whether the cluster has replaced the copy.
type Corruption struct {
	Index string `yaml:"index" json:"index" jsonschema:"required,description=whose shard"`
	Shard int    `yaml:"shard,omitempty" json:"shard" jsonschema:"minimum=0,description=which shard; default 0"`
	Copy  string `yaml:"copy,omitempty" json:"copy,omitempty" jsonschema:"enum=replica,enum=primary,description=which of its copies; default replica (the first that serves)"`
	// Node names the copy by its node instead, also of one whose process is down.
	Node Selector `yaml:"node,omitempty" json:"node,omitempty" jsonschema:"description=the copy on this node instead of copy"`
	Mode string   `yaml:"mode,omitempty" json:"mode,omitempty" jsonschema:"enum=checksum,enum=silent,enum=missing,description=checksum (the default; a segment that no longer matches its checksum) or silent (documents differ and checksums match) or missing (the files are gone)"`
	Docs int      `yaml:"docs,omitempty" json:"docs,omitempty" jsonschema:"minimum=1,description=of silent: how many documents change; default 1"`
}

// The copies that a corruption may name.
const (
	copyReplica = "replica"
	copyPrimary = "primary"
)

func corruption() Kind {
	return Kind{
		Name: "corruption", About: "the data of a shard copy is damaged on a node's disk",
		Systems: []string{Elasticsearch},
		New:     func() Fault { return &Corruption{} },
		Draw: func(d *Dice) Fault {
			if len(d.Topology.Indices) == 0 {
				return nil
			}
			index, shard := d.Shard()
			f := &Corruption{Index: index.Name, Shard: shard, Copy: copyPrimary, Mode: Pick(d, string(BadChecksum), string(FilesMissing))}
			if index.Replicas > 0 {
				f.Copy = Pick(d, copyPrimary, copyReplica)
			}
			return f
		},
	}
}

// Kind implements [Fault].
func (*Corruption) Kind() string { return "corruption" }

// Lasts implements [Fault].
func (*Corruption) Lasts() time.Duration { return 0 }

// Check implements [Fault].
func (f *Corruption) Check(t Topology) []source.Problem {
	ps := f.checkShard(t)
	switch {
	case f.Node != "" && f.Copy != "":
		ps = append(ps, source.Problemf("node", "node: names the copy by where it lies; it doesn't go with copy:"))
	case f.Node != "":
		if msg := f.Node.check(t, false, false); msg != "" {
			ps = append(ps, source.Problemf("node", "%s", msg))
		} else if names, err := f.Node.resolve(anyView{t}); err == nil && len(names) > 1 {
			ps = append(ps, source.Problemf("node", "%s means %d nodes; a corruption is of one copy, on one node", f.Node, len(names)))
		}
	case f.Copy != "" && f.Copy != copyReplica && f.Copy != copyPrimary:
		ps = append(ps, source.Problemf("copy", "%s", source.Unknown("copy", f.Copy, []string{copyReplica, copyPrimary})))
	}
	if f.Mode != "" && !slices.Contains(DamageModes(), f.Mode) {
		ps = append(ps, source.Problemf("mode", "%s", source.Unknown("mode of corruption", f.Mode, DamageModes())))
	}
	switch {
	case f.Docs < 0:
		ps = append(ps, source.Problemf("docs", "%d documents; expected 1 or more", f.Docs))
	case f.Docs > 0 && f.Mode != string(SilentDamage):
		ps = append(ps, source.Problemf("docs", "docs: says how many documents a silent corruption changes; it goes with mode: silent"))
	}
	return ps
}

func (f *Corruption) checkShard(t Topology) []source.Problem {
	var names []string
	for _, i := range t.Indices {
		if i.Name != f.Index {
			names = append(names, i.Name)
			continue
		}
		switch {
		case f.Shard < 0 || f.Shard >= i.Shards:
			return []source.Problem{source.Problemf("shard", "index %s has no shard %d; expected 0 to %d", f.Index, f.Shard, i.Shards-1)}
		case f.Node == "" && f.which() == copyReplica && i.Replicas == 0:
			return []source.Problem{source.Problemf("copy", "index %s has no replicas; expected copy: primary", f.Index)}
		}
		return nil
	}
	return []source.Problem{source.Problemf("index", "%s", source.Unknown("index", f.Index, names))}
}

func (f *Corruption) which() string { return cmp.Or(f.Copy, copyReplica) }

// Resolve implements [Fault].
func (f *Corruption) Resolve(v View) (Resolved, error) {
	node := ""
	switch {
	case f.Node != "":
		names, err := f.Node.resolve(v)
		if err != nil {
			return Resolved{}, err
		}
		if len(names) != 1 {
			return Resolved{}, fmt.Errorf("%s means %d nodes; a corruption is of one copy", f.Node, len(names))
		}
		node = names[0]
	case f.which() == copyPrimary:
		node = v.Primary(f.Index, f.Shard)
	default:
		node = v.Replica(f.Index, f.Shard)
	}
	if node == "" {
		return Resolved{}, fmt.Errorf("shard %s[%d] has no active %s at this moment", f.Index, f.Shard, f.which())
	}
	mode, docs := cmp.Or(f.Mode, string(BadChecksum)), f.Docs
	if mode == string(SilentDamage) {
		docs = max(1, docs)
	}
	d := Damage{Copy: CopyRef{f.Index, f.Shard, node}, Mode: DamageMode(mode), Docs: docs}
	return Resolved{
		Fault:   &Corruption{Index: f.Index, Shard: f.Shard, Node: Selector(node), Mode: mode, Docs: docs},
		Victims: []string{node}, Primitives: []Primitive{damageCopy{d}},
	}, nil
}
