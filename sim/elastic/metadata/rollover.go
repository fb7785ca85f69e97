package metadata

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/api"
	"github.com/shardquake/shardquake/sim/elastic/indexmeta"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Rollover is an order that the writes of an alias or a data stream go to a new index.
type Rollover struct {
	Name string // of the alias or data stream
	// From is the index that was looked at; when it is not the write index any more the
	// rollover is refused.
	From string
	// To is the new index's name; "" counts the old one's number up.
	To         string
	Conditions []state.Condition // that were met; none: it was asked for without any
	Settings   settings.Settings
	Mapping    []byte
	Aliases    []state.Alias
	// WaitForActiveShards, MasterTimeout and AckTimeout are as for a new index.
	WaitForActiveShards       string
	MasterTimeout, AckTimeout time.Duration
}

// RollOver carries it out and tells the names of the old and the new index.
func RollOver(ctx context.Context, n *elastic.Node, r Rollover) (from, to string, acked, shardsAcked bool, err error) {
	names, acked, _, err := elastic.TellingTask(ctx, n, "rollover_index ["+r.Name+"]", elastic.Normal, r.MasterTimeout, r.AckTimeout, rollOver{r})
	from, to = names[0], names[1]
	if err != nil || !acked {
		return from, to, acked, false, err
	}
	shardsAcked, err = n.WhenState(ctx, r.AckTimeout, func(st *state.State) bool {
		meta := st.Index(to)
		return meta == nil || indexmeta.EnoughActive(st, meta, r.WaitForActiveShards)
	})
	return from, to, acked, shardsAcked, err
}

// rollOver carries a rollover out; the master tells the names of the old and the new index.
type rollOver struct {
	r Rollover
}

func (c rollOver) ChangeTelling(m *elastic.Master, st *state.State) (*state.State, [2]string, error) {
	return rollover(m, st, c.r)
}

// RolloverNames says from which index to which a rollover would go, as the state is.
func RolloverNames(st *state.State, name, wanted string, now time.Time) (from, to string, err error) {
	if d := st.DataStream(name); d != nil {
		if wanted != "" {
			return "", "", api.IllegalArgument("new index name may not be specified when rolling over a data stream")
		}
		return d.WriteIndex(), fmt.Sprintf(".ds-%s-%s-%06d", d.Name, now.UTC().Format("2006.01.02"), d.Generation+1), nil
	}
	of := st.Aliased(name)
	switch {
	case len(of) == 0 && st.Index(name) != nil:
		return "", "", api.IllegalArgument("rollover target is a [concrete index] but one of [alias,data_stream] was expected")
	case len(of) == 0:
		return "", "", &api.Error{Status: 404, Type: "resource_not_found_exception", Reason: "rollover target [" + name + "] does not exist"}
	}
	write := state.WriteIndex(name, of)
	if write == nil {
		return "", "", api.IllegalArgument("rollover target [%s] does not point to a write index", name)
	}
	if wanted != "" {
		return write.Name, wanted, nil
	}
	to, err = nextName(write.Name)
	return write.Name, to, err
}

var counted = regexp.MustCompile(`^(.*)-(\d+)$`)

// nextName counts the number at the end of a name up (MetadataRolloverService).
func nextName(name string) (string, error) {
	parts := counted.FindStringSubmatch(name)
	if parts == nil {
		return "", api.IllegalArgument(`index name [%s] does not match pattern '^.*-\d+$'`, name)
	}
	n, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil {
		return "", api.IllegalArgument(`index name [%s] does not match pattern '^.*-\d+$'`, name)
	}
	return fmt.Sprintf("%s-%06d", parts[1], n+1), nil
}

// rollover is the state with the new index as the one that writes go to.
func rollover(m *elastic.Master, st *state.State, r Rollover) (*state.State, [2]string, error) {
	from, to, err := RolloverNames(st, r.Name, r.To, m.Process.Clock.Now())
	names := [2]string{from, to}
	switch {
	case err != nil:
		return nil, names, err
	case r.From != "" && from != r.From:
		return nil, names, api.IllegalArgument("rollover target [%s] writes to [%s] and no longer to [%s]", r.Name, from, r.From)
	}
	var next *state.State
	if d := st.DataStream(r.Name); d != nil {
		next, names[1], err = rollStream(m, st, d)
	} else {
		next, err = rollAlias(m, st, r, from, to)
	}
	if err != nil {
		return nil, names, err
	}
	old := *next.Index(from)
	old.Rollovers = append(old.Rollovers[:len(old.Rollovers):len(old.Rollovers)],
		state.Rollover{Name: r.Name, Conditions: r.Conditions, AtMillis: m.Process.Clock.Now().UnixMilli()})
	old.Version++
	return indexmeta.ReplaceIndex(next, &old), names, nil
}

func rollStream(m *elastic.Master, st *state.State, d *state.DataStream) (*state.State, string, error) {
	next := *d
	next.Generation++
	st, index, err := addBacking(m, st, &next)
	if err != nil {
		return nil, "", err
	}
	next.Indices = append(d.Indices[:len(d.Indices):len(d.Indices)], index)
	return st.WithDataStream(&next), index, nil
}

// rollAlias moves the alias to the new index; where the old one was marked as that which is
// written to, it keeps the alias and loses the mark.
func rollAlias(m *elastic.Master, st *state.State, r Rollover, from, to string) (*state.State, error) {
	was := *st.Index(from).Alias(r.Name)
	explicit := was.WriteIndex != nil && *was.WriteIndex
	st, err := WithIndex(m, st, CreateIndexRequest{Name: to, Settings: r.Settings, Mapping: r.Mapping, Aliases: r.Aliases})
	if err != nil {
		return nil, err
	}
	before := st
	alias, old := was, st.Index(from)
	if explicit {
		no := false
		kept := was
		kept.WriteIndex = &no
		old = old.WithAlias(kept)
	} else {
		old = old.WithoutAlias(r.Name)
	}
	st = indexmeta.ReplaceIndex(st, old)
	st = indexmeta.ReplaceIndex(st, st.Index(to).WithAlias(alias))
	if err := CheckAliases(st); err != nil {
		return nil, err
	}
	return countAliasChanges(before, st), nil
}
