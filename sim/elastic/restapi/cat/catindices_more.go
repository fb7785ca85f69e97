package cat

import (
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/cluster"
	"github.com/shardquake/shardquake/sim/elastic/restapi/repositories"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/search"
	"github.com/shardquake/shardquake/sim/elastic/snapshots"
)

func prepareCatCount(r *rest.Request) rest.Action {
	names := r.ListParam("index")
	opt := r.IndicesOptions(rest.ExpandOpen)
	if len(r.Body) > 0 || r.Has("q") {
		rest.Raise(rest.NotModelled("a query in _cat/count; the nearest that it has is GET /{index}/_count"))
	}
	return rowsAction(r, "count", func(c *rest.Call) []row {
		st := c.Node.Applied()
		rest.CheckReadable(c, st)
		result, err := search.Count(c.Ctx, c.Node, elastic.SearchRequest{Indices: rest.Resolve(st, names, opt), AllowPartial: true})
		c.Check(err)
		now := c.Wall().UTC()
		return []row{{"epoch": count(now.Unix()), "timestamp": text(now.Format("15:04:05")), "count": count(result.Count)}}
	})
}

func prepareCatTemplates(r *rest.Request) rest.Action {
	pattern := r.Param("name")
	local, master := r.BoolParam("local", false), r.MasterTimeout()
	return rowsAction(r, "templates", func(c *rest.Call) []row {
		var out []row
		for _, t := range cluster.TemplateRows(c.State(local, master), pattern) {
			line := row{
				"name": text(t.Name), "index_patterns": text("[" + strings.Join(t.Patterns, ", ") + "]"), "order": count(t.Order), "composed_of": text(""),
			}
			if t.Version != nil {
				line["version"] = count(*t.Version)
			}
			if t.Composable {
				line["composed_of"] = text("[" + strings.Join(t.ComposedOf, ", ") + "]")
			}
			out = append(out, line)
		}
		return out
	})
}

func prepareCatComponentTemplates(r *rest.Request) rest.Action {
	pattern := r.Param("name")
	local, master := r.BoolParam("local", false), r.MasterTimeout()
	return rowsAction(r, "component_templates", func(c *rest.Call) []row {
		st := c.State(local, master)
		var out []row
		for _, t := range st.Components {
			if pattern != "" && !rest.SimpleMatch(pattern, t.Name) {
				continue
			}
			mapped := 0
			if len(t.Template.Mapping) > 0 {
				mapped = 1
			}
			noted := 0
			if t.Notes.Meta != nil {
				noted = 1
			}
			line := row{
				"name": text(t.Name), "alias_count": count(int64(len(t.Template.Aliases))), "mapping_count": count(int64(mapped)),
				"settings_count": count(int64(t.Template.Settings.Len())), "metadata_count": count(int64(noted)),
				"included_in": text("[" + strings.Join(cluster.UsersOf(st, t.Name), ", ") + "]"),
			}
			if t.Notes.Version != nil {
				line["version"] = count(*t.Notes.Version)
			}
			out = append(out, line)
		}
		return out
	})
}

func prepareCatRepositories(r *rest.Request) rest.Action {
	local, master := r.BoolParam("local", false), r.MasterTimeout()
	return rowsAction(r, "repositories", func(c *rest.Call) []row {
		var out []row
		for _, repo := range c.State(local, master).Repositories {
			out = append(out, row{"id": text(repo.Name), "type": text(repo.Type)})
		}
		return out
	})
}

func prepareCatSnapshots(r *rest.Request) rest.Action {
	names := r.ListParam("repository")
	lenient, master := r.BoolParam("ignore_unavailable", false), r.MasterTimeout()
	return rowsAction(r, "snapshots", func(c *rest.Call) []row {
		var out []row
		for _, repo := range repositories.Repositories(c.State(false, master), names) {
			for _, s := range repositories.ChosenSnapshots(c, repo.Name, []string{"_all"}, lenient, master) {
				out = append(out, snapshotRow(s))
			}
		}
		return out
	})
}

func snapshotRow(s *snapshots.Snapshot) row {
	line := row{
		"id": text(s.Name), "repository": text(s.Repository), "status": text(s.State), "start_epoch": count(s.Start.Unix()),
		"start_time": text(s.Start.UTC().Format("15:04:05")), "indices": count(int64(len(s.Indices))), "successful_shards": count(int64(s.Successful)),
		"failed_shards": count(int64(len(s.Failures))), "total_shards": count(int64(s.Total)),
	}
	if !s.End.IsZero() {
		line["end_epoch"], line["end_time"] = count(s.End.Unix()), text(s.End.UTC().Format("15:04:05"))
		line["duration"] = duration(s.End.Sub(s.Start))
	}
	return line
}

func prepareCatSegments(r *rest.Request) rest.Action {
	names := r.ListParam("index")
	opt := r.IndicesOptions(rest.ExpandOpen)
	return rowsAction(r, "segments", func(c *rest.Call) []row {
		st := c.Node.Applied()
		rest.CheckReadable(c, st)
		var out []row
		for _, cp := range cluster.SegmentsOf(c, st, rest.OpenOnly(st, rest.Resolve(st, names, opt), opt)) {
			for _, s := range cp.Segments {
				line := about(cp.Node)
				kind := "r"
				if cp.Primary {
					kind = "p"
				}
				line["index"], line["shard"], line["prirep"] = text(cp.Index), text(strconv.Itoa(cp.Shard)), text(kind)
				line["segment"], line["generation"] = text(s.Name), count(s.Generation)
				line["docs.count"], line["docs.deleted"], line["size"], line["size.memory"] = count(s.Docs), count(0), size(s.Bytes), count(0)
				line["committed"], line["searchable"] = text(strconv.FormatBool(s.Committed)), text("true")
				line["version"], line["compound"] = text(rest.LuceneVersion), text("true")
				out = append(out, line)
			}
		}
		return out
	})
}

// prepareCatTasks serves _cat/tasks: what runs is this request itself.
func prepareCatTasks(r *rest.Request) rest.Action {
	actions := r.ListParam("actions")
	r.BoolParam("detailed", false)
	r.ListParam("nodes")
	r.Param("parent_task_id")
	return rowsAction(r, "tasks", func(c *rest.Call) []row {
		var out []row
		for _, t := range cluster.OwnTasks(c) {
			if !cluster.TaskMatches(t.Action, actions) {
				continue
			}
			line := about(t.Node)
			parent := t.Parent
			if parent == "" {
				parent = "-"
			}
			id := t.Node.ID + ":" + strconv.FormatInt(t.ID, 10)
			line["id"], line["task_id"], line["parent_task_id"] = text(t.Node.ID), text(id), text(parent)
			line["action"], line["type"] = text(t.Action), text("transport")
			if parent != "-" && t.Direct {
				line["type"] = text("direct")
			}
			line["start_time"], line["timestamp"] = count(t.Start.UnixMilli()), text(t.Start.UTC().Format("15:04:05"))
			line["running_time_ns"], line["running_time"] = count(int64(t.Running)), duration(t.Running)
			line["version"], line["x_opaque_id"] = text(rest.Version), text("-")
			if t.Opaque != "" {
				line["x_opaque_id"] = text(t.Opaque)
			}
			out = append(out, line)
		}
		return out
	})
}
