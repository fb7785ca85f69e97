package cat

import "github.com/shardquake/shardquake/sim/elastic/restapi/rest"

// row is a row of a table by the names of its columns; a column that it lacks is empty.
type row map[string]cell

// rowsAction is catAction for a table of few rows, each made as a whole.
func rowsAction(r *rest.Request, name string, fill func(c *rest.Call) []row) rest.Action {
	return catAction(r, name, func(c *rest.Call) *table {
		rows := fill(c)
		return &table{name: name, rows: len(rows), values: func(column string) func(int) cell {
			return func(i int) cell { return rows[i][column] }
		}}
	})
}
