package metadata

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/api"
	"github.com/shardquake/shardquake/sim/elastic/indexmeta"
	"github.com/shardquake/shardquake/sim/elastic/mapping"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// change is a change of the state that is told as a function: what it leads to can't be seen.
type change func(*state.State) (*state.State, error)

func (f change) Change(_ *elastic.Master, st *state.State) (*state.State, error) { return f(st) }

// ChangeTemplates is a task of the master's that changes policies by which indices age. What
// change gives back is published as it is; its error is the answer.
func ChangeTemplates(ctx context.Context, n *elastic.Node, source string, masterTimeout, ackTimeout time.Duration,
	f func(*state.State) (*state.State, error)) (acked bool, err error) {
	acked, _, err = n.MasterTask(ctx, source, elastic.Urgent, masterTimeout, ackTimeout, change(f))
	return acked, err
}

// PutMapping adds to the mapping of indices that exist; a field keeps its type.
func PutMapping(ctx context.Context, n *elastic.Node, names []string, change []byte, masterTimeout, ackTimeout time.Duration) (acked bool, err error) {
	acked, _, err = n.MasterTask(ctx, "put-mapping", elastic.High, masterTimeout, ackTimeout, putMapping{names, change})
	return acked, err
}

// putMapping adds to mappings.
type putMapping struct {
	names  []string
	change []byte
}

func (c putMapping) Change(_ *elastic.Master, st *state.State) (*state.State, error) {
	for _, name := range c.names {
		meta := st.Index(name)
		if meta == nil {
			return nil, elastic.IndexNotFound(name)
		}
		next, err := mapping.Update(meta.Mapping, c.change)
		var conflict *mapping.Conflict
		switch {
		case errors.As(err, &conflict):
			return nil, api.IllegalArgument("%s", conflict.Error())
		case err != nil:
			return nil, err
		case slices.Equal(next, meta.Mapping):
			continue
		}
		changed := *meta
		changed.Mapping = next
		changed.Version++
		changed.MappingVersion++
		st = indexmeta.ReplaceIndex(st, &changed)
	}
	return st, nil
}
