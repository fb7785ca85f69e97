package metadata

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/indexmeta"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// AliasAction is one change of a request about aliases, for one index that exists
// (AliasAction).
type AliasAction struct {
	Index string
	Op    AliasOp
	Alias state.Alias
	// MustExist refuses to remove an alias that the index does not have.
	MustExist bool
}

// AliasOp is what an action does.
type AliasOp uint8

// The actions.
const (
	AddAlias AliasOp = iota
	RemoveAlias
	RemoveIndex
)

// UpdateAliases makes all the changes at once, or none.
func UpdateAliases(ctx context.Context, n *elastic.Node, actions []AliasAction, masterTimeout, ackTimeout time.Duration) (acked bool, err error) {
	acked, _, err = n.MasterTask(ctx, "index-aliases", elastic.Urgent, masterTimeout, ackTimeout, aliasChanges{actions})
	return acked, err
}

// aliasChanges are changes of aliases.
type aliasChanges struct {
	actions []AliasAction
}

func (c aliasChanges) Change(m *elastic.Master, st *state.State) (*state.State, error) {
	return changeAliases(m, st, c.actions)
}

// changeAliases deletes indices first, so that an alias can take the place of one
// (MetadataIndexAliasesService).
func changeAliases(m *elastic.Master, before *state.State, actions []AliasAction) (*state.State, error) {
	st, deleted := before, false
	for _, a := range actions {
		switch {
		case before.Index(a.Index) == nil:
			return nil, elastic.IndexNotFound(a.Index)
		case a.Op == RemoveIndex && st.Index(a.Index) != nil:
			st, deleted = allocation.RemoveIndex(st, a.Index), true
		}
	}
	for _, a := range actions {
		if a.Op == RemoveIndex {
			continue
		}
		meta := st.Index(a.Index)
		if meta == nil {
			return nil, elastic.IndexNotFound(a.Index)
		}
		next, err := applyAlias(st, meta, a)
		if err != nil {
			return nil, err
		}
		if next != meta {
			st = indexmeta.ReplaceIndex(st, next)
		}
	}
	if err := CheckAliases(st); err != nil {
		return nil, err
	}
	st = countAliasChanges(before, st)
	if deleted {
		st = m.Rerouted(st)
	}
	return st, nil
}

func applyAlias(st *state.State, meta *state.Index, a AliasAction) (*state.Index, error) {
	if a.Op == RemoveAlias {
		if a.MustExist && meta.Alias(a.Alias.Name) == nil {
			return nil, AliasesMissing(a.Alias.Name)
		}
		return meta.WithoutAlias(a.Alias.Name), nil
	}
	if same := st.Index(a.Alias.Name); same != nil {
		return nil, AliasNamedAsIndex(same)
	}
	return meta.WithAlias(a.Alias), nil
}

// countAliasChanges raises the versions of the indices whose aliases differ, once for a
// request.
func countAliasChanges(before, st *state.State) *state.State {
	for _, meta := range st.Indices {
		if was := before.Index(meta.Name); was != nil && was != meta {
			next := *meta
			next.Version++
			next.AliasesVersion++
			st = indexmeta.ReplaceIndex(st, &next)
		}
	}
	return st
}

// AliasesMissing is the refusal of what is asked about aliases that are not there.
func AliasesMissing(names ...string) *elastic.Error {
	text := strings.Join(names, ",")
	return &elastic.Error{
		Status: 404, Type: "aliases_not_found_exception", Reason: "aliases [" + text + "] missing",
		Fields: []elastic.Field{{Name: "resource.type", Value: "aliases"}, {Name: "resource.id", Value: text}},
	}
}

// AliasNamedAsIndex is the refusal of an alias that is called as an index is.
func AliasNamedAsIndex(m *state.Index) *elastic.Error {
	return &elastic.Error{
		Status: 400, Type: "invalid_alias_name_exception",
		Reason: "Invalid alias name [" + m.Name + "]: an index or data stream exists with the same name as the alias",
	}
}

// CheckAliases holds indices that share an alias to one write index and to one opinion
// of whether it is hidden (IndexAbstraction.Alias, Metadata.Builder).
func CheckAliases(st *state.State) error {
	var names []string
	for _, m := range st.Indices {
		for i := range m.Aliases {
			if name := m.Aliases[i].Name; !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if m := st.Index(name); m != nil {
			return AliasNamedAsIndex(m)
		}
		var writers, hidden, shown []string
		for _, m := range st.Aliased(name) {
			a := m.Alias(name)
			if a.WriteIndex != nil && *a.WriteIndex {
				writers = append(writers, m.Name)
			}
			if a.Hidden != nil && *a.Hidden {
				hidden = append(hidden, m.Name)
			} else {
				shown = append(shown, m.Name)
			}
		}
		if len(writers) > 1 {
			return illegalState("alias [" + name + "] has more than one write index [" + strings.Join(writers, ",") + "]")
		}
		if len(hidden) > 0 && len(shown) > 0 {
			return illegalState("alias [" + name + "] has is_hidden set to true on indices [" + strings.Join(hidden, ",") +
				"] but does not have is_hidden set to true on indices [" + strings.Join(shown, ",") +
				"]; alias must have the same is_hidden setting on all indices")
		}
	}
	return nil
}

func illegalState(reason string) *elastic.Error {
	return &elastic.Error{Status: 500, Type: "illegal_state_exception", Reason: reason}
}
