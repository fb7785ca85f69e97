package importer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/scenarios/clusterfile"
)

// ErrSource marks what is wrong with a source, not with the program.
var ErrSource = errors.New("the source can't be imported")

// Options say what to import.
type Options struct {
	// Sources are paths: answers of the API as files, folders, archives. Of several the
	// newer overrules the older; where none tells its time, the later one.
	Sources []string
	// Live is a running cluster; nil: none.
	Live      *Live
	Anonymize bool
	Limits    Limits
}

// Import reads the sources and puts them together.
func Import(ctx context.Context, o Options) (*clusterfile.Cluster, error) {
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits()
	}
	var snaps []*snapshot
	var complaints []string
	files := &snapshot{}
	for _, source := range o.Sources {
		found, said, err := read(source, o.Limits)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrSource, clip(source), err)
		}
		complaints = append(complaints, said...)
		for _, s := range found {
			if len(s.files) > 1 || strings.Contains(s.name, "!") {
				snaps = append(snaps, s)
			} else if files = joined(files, s); !slices.Contains(snaps, files) {
				snaps = append(snaps, files)
			}
		}
	}
	if o.Live != nil {
		live, err := o.Live.snapshots(ctx)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSource, err)
		}
		snaps = append(snaps, live...)
	}
	c, err := assemble(snaps, complaints)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	if o.Anonymize {
		Anonymize(c)
	}
	c.Kept = kept(c)
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("%w: what it says of the cluster can't be true:\n%w", ErrSource, err)
	}
	return c, nil
}

// joined puts single files that were given one by one into one snapshot.
func joined(all, s *snapshot) *snapshot {
	if len(all.files) == 0 {
		return s
	}
	for _, f := range all.files {
		for _, g := range s.files {
			if f.Kind == g.Kind && g.Kind != catJSON.String() && g.Kind != catText.String() && g.Kind != nodesInfo.String() {
				return s // a second answer of one kind is another moment
			}
		}
	}
	all.absorb(s)
	return all
}

// absorb takes over what another snapshot of the same moment holds.
func (snap *snapshot) absorb(o *snapshot) {
	snap.files = append(snap.files, o.files...)
	snap.seen(o.at)
	snap.statsAt = max(snap.statsAt, o.statsAt)
	snap.cluster, snap.uuid = cmp.Or(snap.cluster, o.cluster), cmp.Or(snap.uuid, o.uuid)
	snap.version.Number = cmp.Or(snap.version.Number, o.version.Number)
	snap.version.Distribution = cmp.Or(snap.version.Distribution, o.version.Distribution)
	if snap.state == nil {
		snap.state = o.state
	}
	for _, n := range o.nodes {
		snap.node(n.ID).merge(n.nodeFields)
	}
	snap.catNodes, snap.catAttrs = append(snap.catNodes, o.catNodes...), append(snap.catAttrs, o.catAttrs...)
	snap.catShards, snap.catAllocation = append(snap.catShards, o.catShards...), append(snap.catAllocation, o.catAllocation...)
	fill(snap.catIndices, o.catIndices)
	fill(snap.shardStats, o.shardStats)
	fill(snap.settings, o.settings)
	fill(snap.indexSettings, o.indexSettings)
	fill(snap.aliases, o.aliases)
	fill(snap.phases, o.phases)
	fill(snap.managed, o.managed)
	fill(snap.shutdowns, o.shutdowns)
	fill(snap.desired, o.desired)
	snap.streams, snap.policies = append(snap.streams, o.streams...), append(snap.policies, o.policies...)
	snap.speeds = append(snap.speeds, o.speeds...)
	if snap.desiredStats == nil {
		snap.desiredStats = o.desiredStats
	}
	if snap.info == nil {
		snap.info = o.info
	}
	if snap.health == nil {
		snap.health = o.health
	}
}

// fill adds the entries that are not there.
func fill[K comparable, V any](to, from map[K]V) {
	for k, v := range from {
		if _, ok := to[k]; !ok {
			to[k] = v
		}
	}
}
