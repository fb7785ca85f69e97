package settings

import "time"

// The settings of policies by which indices age.
var (
	LifecyclePollInterval   = &Setting[time.Duration]{key: "indices.lifecycle.poll_interval", scope: Node | Dynamic, def: Fixed("10m"), parse: ParseTimeIn(time.Second, NoTimeLimit)}
	IndexLifecycle          = perIndex("index.lifecycle.name", "", parseText)
	IndexRolloverAlias      = perIndex("index.lifecycle.rollover_alias", "", parseText)
	IndexIndexingComplete   = perIndex("index.lifecycle.indexing_complete", "false", ParseBool)
	IndexLifecycleOriginate = perIndex("index.lifecycle.origination_date", "-1", ParseLong(-1, 1<<62))
)

func parseText(_, text string) (string, error) { return text, nil }
