package cluster

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// indexSettings are an index's settings as Elasticsearch shows them: with those that
// it adds at creation.
func indexSettings(m *state.Index) settings.Settings {
	more := map[string]string{
		"index.creation_date":      strconv.FormatInt(m.CreationDate, 10),
		"index.uuid":               m.UUID,
		"index.number_of_shards":   strconv.Itoa(m.Shards),
		"index.number_of_replicas": strconv.Itoa(m.Replicas),
		"index.version.created":    strconv.Itoa(rest.IndexVersion),
		"index.provided_name":      m.Name,
	}
	for _, k := range m.Settings.Keys() {
		more[k], _ = m.Settings.Get(k)
	}
	return settings.Of(more)
}

// MappingObject is the index's mapping, {} without one.
func MappingObject(m *state.Index) []byte {
	if len(m.Mapping) == 0 {
		return []byte("{}")
	}
	return m.Mapping
}

// indexDefaults are the registered settings that the index does not set.
func indexDefaults(own settings.Settings) settings.Settings {
	registry := settings.IndexRegistry()
	out := map[string]string{}
	for _, e := range registry.Entries() {
		if e.Complex() || e.Module() {
			continue
		}
		if _, ok := own.Get(e.Key); !ok {
			out[e.Key] = registry.DefaultText(&e, own)
		}
	}
	return settings.Of(out)
}

func prepareCreateIndex(r *rest.Request) rest.Action {
	name := r.Param("index")
	q := metadata.CreateIndexRequest{Name: name}
	var changes []change
	q.AckTimeout, q.MasterTimeout = r.AckTimeout(), r.MasterTimeout()
	q.WaitForActiveShards = r.Param("wait_for_active_shards")
	rest.CheckActiveCount(q.WaitForActiveShards)
	if bad := r.Unconsumed(nil); bad != nil {
		rest.Raise(bad) // before what the body says of mappings
	}
	if len(r.Body) > 0 {
		body := r.JSON()
		changes = parseCreate(&body, &q)
	}
	return func(c *rest.Call) *rest.Response {
		if bad := rest.ValidateName(name); bad != nil {
			rest.Raise(bad)
		}
		st := c.State(false, q.MasterTimeout)
		if m := st.Index(name); m != nil {
			rest.Raise(alreadyExists(m))
		}
		if st.Aliased(name) != nil {
			rest.Raise(rest.NamedAsAlias(name))
		}
		for i := range q.Aliases {
			checkNewAlias(st, q.Aliases[i].Name, nil)
		}
		q.Settings = validateIndexSettings(changes)
		refuseGone(q.Settings)
		if bad := rest.MappingLimits(q.Settings, q.Mapping); bad != nil {
			rest.Raise(bad)
		}
		acked, shards, err := metadata.CreateIndex(c.Ctx, c.Node, q)
		c.Check(err)
		w := rest.NewWriter(false)
		w.Obj()
		w.Bool("acknowledged", acked)
		w.Bool("shards_acknowledged", shards)
		w.Str("index", name)
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

// refuseGone refuses settings that an index can't be created with any more.
func refuseGone(s settings.Settings) {
	if v, ok := s.Get("index.soft_deletes.enabled"); ok && v == "false" {
		rest.Raise(rest.IllegalArgument("Creating indices with soft-deletes disabled is no longer supported. " +
			"Please do not specify a value for setting [index.soft_deletes.enabled]."))
	}
	for _, key := range []string{"index.translog.retention.age", "index.translog.retention.size"} {
		if _, ok := s.Get(key); ok {
			rest.Raise(rest.IllegalArgument("Translog retention settings [index.translog.retention.age] and [index.translog.retention.size] are no longer " +
				"supported. Please do not specify values for these settings"))
		}
	}
}

func alreadyExists(m *state.Index) *elastic.Error {
	return &elastic.Error{
		Status: 400, Type: "resource_already_exists_exception", Reason: "index [" + m.Name + "/" + m.UUID + "] already exists",
		Fields: []elastic.Field{{Name: "index_uuid", Value: m.UUID}, {Name: "index", Value: m.Name}},
	}
}

// parseCreate reads the body of an index creation: settings, mappings, aliases.
func parseCreate(body *rest.Value, q *metadata.CreateIndexRequest) (changes []change) {
	if body.Kind != rest.ObjectValue {
		return nil
	}
	for i := range body.Members {
		m := &body.Members[i]
		switch m.Name {
		case "settings":
			if m.Value.Kind != rest.ObjectValue {
				rest.Raise(rest.ParseException("key [settings] must be an object"))
			}
			changes = Flatten("", &m.Value, nil)
		case "mappings":
			if m.Value.Kind != rest.ObjectValue {
				rest.Raise(rest.ParseException("key [mappings] must be an object"))
			}
			refuseTyped(&m.Value)
			q.Mapping = parseMapping(&m.Value)
		case "aliases":
			if m.Value.Kind != rest.ObjectValue {
				rest.Raise(rest.ParseException("key [aliases] must be an object"))
			}
			q.Aliases = Aliases(&m.Value)
		default:
			rest.Raise(rest.ParseException("unknown key [%s] for create index", m.Name))
		}
	}
	return changes
}

// validateIndexSettings normalises keys to the prefix "index." and refuses what is
// unknown, private or ill-formed.
func validateIndexSettings(changes []change) settings.Settings {
	registry := settings.IndexRegistry()
	out := map[string]string{}
	for _, ch := range Normalise(changes) {
		if ch.Value == nil {
			continue
		}
		e := registry.Lookup(ch.Key)
		if e == nil {
			rest.Raise(rest.IllegalArgument("%s", registry.Unknown(ch.Key)))
		}
		checkValue(e, ch.Key, *ch.Value)
		if e.Private() {
			rest.Raise(privateSetting(ch.Key))
		}
		out[ch.Key] = *ch.Value
	}
	return settings.Of(out)
}

// IndexSettings are settings of a body, with the prefix "index." and checked; nil: none.
func IndexSettings(v *rest.Value) settings.Settings {
	if v == nil {
		return settings.Settings{}
	}
	return validateIndexSettings(Flatten("", v, nil))
}

func privateSetting(key string) *elastic.Error {
	reason := "private index setting [" + key + "] can not be set explicitly"
	return &elastic.Error{Status: 400, Type: "validation_exception", Reason: "Validation Failed: 1: " + reason + ";"}
}

func Normalise(changes []change) []change {
	out := make([]change, len(changes))
	for i, ch := range changes {
		if !strings.HasPrefix(ch.Key, "index.") {
			ch.Key = "index." + ch.Key
		}
		out[i] = ch
	}
	return out
}

func prepareDeleteIndex(r *rest.Request) rest.Action {
	names := r.ListParam("index")
	ack, master := r.AckTimeout(), r.MasterTimeout()
	opt := r.IndicesOptions(rest.IndicesOptions{AllowNone: true, Open: true, Closed: true, IgnoreAliases: true})
	return func(c *rest.Call) *rest.Response {
		st := c.State(false, master)
		if destructive(c, st) && (len(names) == 0 || wildcards(names)) {
			rest.Raise(rest.IllegalArgument("Wildcard expressions or all indices are not allowed"))
		}
		if len(names) == 0 {
			rest.Raise(rest.ValidationFailed("index / indices is missing"))
		}
		acked, err := metadata.DeleteIndices(c.Ctx, c.Node, rest.Resolve(st, names, opt), master, ack)
		c.Check(err)
		return rest.Acknowledged(acked)
	}
}

// destructive is action.destructive_requires_name.
func destructive(c *rest.Call, st *state.State) bool {
	v, ok := c.Node.Settings().Merged(st.Settings()).Get("action.destructive_requires_name")
	return !ok || v != "false"
}

func wildcards(names []string) bool {
	for _, n := range names {
		if strings.Contains(n, "*") || n == "_all" {
			return true
		}
	}
	return false
}

// prepareGetIndex serves GET and HEAD of an index.
func prepareGetIndex(r *rest.Request) rest.Action {
	names := r.ListParam("index")
	local, master := r.BoolParam("local", false), r.MasterTimeout()
	opt := r.IndicesOptions(rest.ExpandOpen)
	defaults, flat := r.BoolParam("include_defaults", false), r.BoolParam("flat_settings", false)
	features := r.ListParam("features")
	return func(c *rest.Call) *rest.Response {
		st := c.State(local, master)
		w := rest.NewWriter(c.Req.Human())
		w.Obj()
		for _, name := range rest.CheckMetadata(st, rest.Resolve(st, names, opt)) {
			m := st.Index(name)
			w.Object(name)
			// What is not wanted stays empty.
			aliases, mapping := m.Aliases, MappingObject(m)
			if !Wants(features, "aliases") {
				aliases = nil
			}
			if !Wants(features, "mappings") {
				mapping = []byte("{}")
			}
			writeAliases(w, aliases)
			w.Raw("mappings", mapping)
			if Wants(features, "settings") {
				writeIndexSettings(w, m, nil, defaults, flat)
			} else {
				w.Object("settings")
				w.End()
			}
			w.End()
		}
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func Wants(list []string, what string) bool {
	if len(list) == 0 {
		return true
	}
	for _, l := range list {
		if strings.EqualFold(l, what) {
			return true
		}
	}
	return false
}

// writeIndexSettings writes "settings", and "defaults", of an index; names select.
func writeIndexSettings(w *rest.Writer, m *state.Index, names []string, defaults, flat bool) {
	own := indexSettings(m)
	shown := own
	if w.Human {
		shown = shown.Merged(settings.Of(map[string]string{
			"index.creation_date_string":   rest.IsoMillis(time.UnixMilli(m.CreationDate).UTC()),
			"index.version.created_string": rest.Version,
		}))
	}
	WriteSettings(w, "settings", selectKeys(shown, names), settings.IndexRegistry(), flat)
	if defaults {
		WriteSettings(w, "defaults", selectKeys(indexDefaults(own), names), settings.IndexRegistry(), flat)
	}
}

func selectKeys(s settings.Settings, patterns []string) settings.Settings {
	if len(patterns) == 0 || patterns[0] == "_all" {
		return s
	}
	out := map[string]string{}
	for _, k := range s.Keys() {
		for _, p := range patterns {
			if rest.SimpleMatch(p, k) {
				out[k], _ = s.Get(k)
			}
		}
	}
	return settings.Of(out)
}

func prepareGetSettings(r *rest.Request) rest.Action {
	names, keys := r.ListParam("index"), r.ListParam("name")
	local, master := r.BoolParam("local", false), r.MasterTimeout()
	opt := r.IndicesOptions(rest.ExpandOpen)
	defaults, flat := r.BoolParam("include_defaults", false), r.BoolParam("flat_settings", false)
	return func(c *rest.Call) *rest.Response {
		st := c.State(local, master)
		w := rest.NewWriter(c.Req.Human())
		w.Obj()
		for _, name := range rest.CheckMetadata(st, rest.Resolve(st, names, opt)) {
			m := st.Index(name)
			if selectKeys(indexSettings(m), keys).Len() == 0 && !defaults {
				continue
			}
			w.Object(name)
			writeIndexSettings(w, m, keys, defaults, flat)
			w.End()
		}
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func prepareGetMapping(r *rest.Request) rest.Action {
	names := r.ListParam("index")
	local, master := r.BoolParam("local", false), r.MasterTimeout()
	opt := r.IndicesOptions(rest.ExpandOpen)
	return func(c *rest.Call) *rest.Response {
		st := c.State(local, master)
		w := rest.NewWriter(false)
		w.Obj()
		for _, name := range rest.CheckMetadata(st, rest.Resolve(st, names, opt)) {
			w.Object(name)
			w.Raw("mappings", MappingObject(st.Index(name)))
			w.End()
		}
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func prepareUpdateSettings(r *rest.Request) rest.Action {
	names := r.ListParam("index")
	ack, master := r.AckTimeout(), r.MasterTimeout()
	preserve := r.BoolParam("preserve_existing", false)
	if r.BoolParam("reopen", false) {
		rest.Raise(rest.NotModelled("reopening indices"))
	}
	opt := r.IndicesOptions(rest.ExpandOpen)
	body := r.JSON()
	if body.Kind == rest.ObjectValue && len(body.Members) == 1 && body.Members[0].Name == "settings" && body.Members[0].Value.Kind == rest.ObjectValue {
		body = body.Members[0].Value
	}
	changes := Normalise(Flatten("", &body, nil))
	if len(changes) == 0 {
		rest.Raise(rest.ValidationFailed("no settings to update"))
	}
	return func(c *rest.Call) *rest.Response {
		st := c.State(false, master)
		targets := rest.Resolve(st, names, opt)
		update := checkIndexUpdate(st, targets, changes, preserve)
		if v, changed := update["index.blocks.write"]; changed && (v == nil || *v != "true") {
			update["index.verified_read_only"] = nil
		}
		acked, err := metadata.UpdateIndexSettings(c.Ctx, c.Node, targets, update, master, ack)
		c.Check(err)
		return rest.Acknowledged(acked)
	}
}

// checkIndexUpdate refuses changes as MetadataUpdateSettingsService does.
func checkIndexUpdate(st *state.State, targets []string, changes []change, preserve bool) map[string]*string {
	registry := settings.IndexRegistry()
	out := map[string]*string{}
	var fixed []string
	for _, ch := range changes {
		if preserve && slices.ContainsFunc(targets, func(name string) bool { _, has := st.Index(name).Settings.Get(ch.Key); return has }) {
			continue // what is set stays
		}
		if ch.Value == nil && strings.HasSuffix(ch.Key, "*") {
			for _, name := range targets {
				for _, k := range st.Index(name).Settings.Keys() {
					if e := registry.Lookup(k); rest.SimpleMatch(ch.Key, k) && e != nil && e.Dynamic() {
						out[k] = nil
					}
				}
			}
			continue
		}
		e := registry.Lookup(ch.Key)
		if e == nil {
			rest.Raise(rest.IllegalArgument("%s", registry.Unknown(ch.Key)))
		}
		if ch.Value != nil {
			checkValue(e, ch.Key, *ch.Value)
		}
		switch {
		case e.Internal():
			rest.Raise(rest.IllegalArgument("can not update internal setting [%s]; this setting is managed via a dedicated API", ch.Key))
		case e.Private():
			rest.Raise(rest.IllegalArgument("can not update private setting [%s]; this setting is managed by Elasticsearch", ch.Key))
		case !e.Dynamic():
			fixed = append(fixed, ch.Key)
		}
		out[ch.Key] = ch.Value
	}
	if len(fixed) > 0 {
		var open []string
		for _, name := range targets {
			open = append(open, "["+name+"/"+st.Index(name).UUID+"]")
		}
		rest.Raise(rest.IllegalArgument("Can't update non dynamic settings [[%s]] for open indices [%s] unless the `reopen` query parameter is set to true. "+
			"Alternatively, close the indices, apply the settings changes, and reopen the indices", strings.Join(fixed, ", "), strings.Join(open, ", ")))
	}
	return out
}
