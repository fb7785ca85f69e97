package rest

import (
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// OneIndex is the index that a read of one document goes to: of that name, or the only
// one of an alias (IndexNameExpressionResolver.concreteSingleIndex).
func OneIndex(st *state.State, name string) (string, *elastic.Error) {
	if st.Index(name) != nil {
		return name, nil
	}
	if d := st.DataStream(name); d != nil {
		if len(d.Indices) == 1 {
			return d.Indices[0], nil
		}
		return name, IllegalArgument("data stream [%s] has more than one backing index, can't execute a single index op", name)
	}
	of := st.Aliased(name)
	switch len(of) {
	case 0:
		return name, elastic.IndexNotFound(name)
	case 1:
		return of[0].Name, nil
	}
	return name, IllegalArgument("alias [%s] has more than one index associated with it %s, can't execute a single index op", name, listOf(of))
}

// WriteIndex is the index that a write to a name goes to; a name that nothing has stays
// as it is (IndexNameExpressionResolver.concreteWriteIndex).
func WriteIndex(st *state.State, name string) (string, *elastic.Error) {
	if st.Index(name) != nil {
		return name, nil
	}
	if d := st.DataStream(name); d != nil {
		return d.WriteIndex(), nil
	}
	of := st.Aliased(name)
	if len(of) == 0 {
		return name, nil
	}
	if m := state.WriteIndex(name, of); m != nil {
		return m.Name, nil
	}
	return name, IllegalArgument("no write index is defined for alias [%s]. The write index may be explicitly disabled using "+
		"is_write_index=false or the alias points to multiple indices without one being designated as a write index", name)
}

func listOf(of []*state.Index) string {
	names := make([]string, len(of))
	for i, m := range of {
		names[i] = m.Name
	}
	return "[" + strings.Join(names, ", ") + "]"
}
