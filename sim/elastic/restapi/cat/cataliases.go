package cat

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/shardquake/shardquake/sim/elastic/restapi/cluster"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

type aliasRow struct {
	index string
	alias state.Alias
}

func prepareCatAliases(r *rest.Request) rest.Action {
	patterns := r.ListParam("alias")
	r.BoolParam("local", false)
	master := r.MasterTimeout()
	opt := r.IndicesOptions(rest.ExpandHidden)
	return catAction(r, "aliases", func(c *rest.Call) *table {
		st := c.State(false, master)
		var rows []aliasRow
		for _, name := range rest.Resolve(st, nil, opt) {
			for _, a := range cluster.SelectedAliases(st.Index(name), patterns) {
				rows = append(rows, aliasRow{name, a})
			}
		}
		slices.SortStableFunc(rows, func(a, b aliasRow) int { return cmp.Compare(a.alias.Name, b.alias.Name) })
		return &table{name: "aliases", rows: len(rows), values: func(column string) func(int) cell {
			return func(i int) cell { return rows[i].cell(column) }
		}}
	})
}

func (r *aliasRow) cell(column string) cell {
	switch column {
	case "alias":
		return text(r.alias.Name)
	case "index":
		return text(r.index)
	case "filter":
		if r.alias.Filter != nil {
			return text("*")
		}
	case "routing.index":
		if r.alias.IndexRouting != "" {
			return text(r.alias.IndexRouting)
		}
	case "routing.search":
		if r.alias.SearchRouting != "" {
			return text(r.alias.SearchRouting)
		}
	case "is_write_index":
		if r.alias.WriteIndex != nil {
			return text(strconv.FormatBool(*r.alias.WriteIndex))
		}
	}
	return text("-")
}
