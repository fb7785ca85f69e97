package restapi

import (
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
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
		"index.version.created":    strconv.Itoa(indexVersion),
		"index.provided_name":      m.Name,
		// What the data tiers would prefer; the model's nodes all have every tier.
		"index.routing.allocation.include._tier_preference": "data_content",
	}
	for _, k := range m.Settings.Keys() {
		more[k], _ = m.Settings.Get(k)
	}
	return settings.Of(more)
}

// mappingObject is the index's mapping, {} without one.
func mappingObject(m *state.Index) []byte {
	if len(m.Mapping) == 0 {
		return []byte("{}")
	}
	w := newJSON(false)
	w.obj()
	w.raw("properties", m.Mapping)
	w.end()
	return w.bytes()
}

// indexDefaults are the registered settings that the index does not set.
func indexDefaults(own settings.Settings) settings.Settings {
	registry := settings.IndexRegistry()
	out := map[string]string{}
	for _, e := range registry.Entries() {
		if e.Complex() {
			continue
		}
		if _, ok := own.Get(e.Key); !ok {
			out[e.Key] = registry.DefaultText(&e, own)
		}
	}
	return settings.Of(out)
}

func prepareCreateIndex(r *request) action {
	name := r.param("index")
	q := elastic.CreateIndex{Name: name}
	var changes []change
	if len(r.body) > 0 {
		body := r.json()
		changes, q.Mapping = parseCreate(&body)
	}
	q.AckTimeout, q.MasterTimeout = r.ackTimeout(), r.masterTimeout()
	q.WaitForActiveShards = r.param("wait_for_active_shards")
	checkActiveCount(q.WaitForActiveShards)
	return func(c *call) *response {
		if bad := validateName(name); bad != nil {
			raise(bad)
		}
		if m := c.state(false, q.MasterTimeout).Index(name); m != nil {
			raise(alreadyExists(m))
		}
		q.Settings = validateIndexSettings(changes)
		acked, shards, err := c.node.CreateIndex(c.ctx, q)
		c.check(err)
		w := newJSON(false)
		w.obj()
		w.bool("acknowledged", acked)
		w.bool("shards_acknowledged", shards)
		w.str("index", name)
		w.end()
		return &response{json: w.bytes()}
	}
}

func alreadyExists(m *state.Index) *elastic.Error {
	return &elastic.Error{
		Status: 400, Type: "resource_already_exists_exception", Reason: "index [" + m.Name + "/" + m.UUID + "] already exists",
		Fields: []elastic.Field{{Name: "index_uuid", Value: m.UUID}, {Name: "index", Value: m.Name}},
	}
}

// parseCreate reads the body of an index creation: settings, mappings, aliases.
func parseCreate(body *jsonValue) (changes []change, mapping []byte) {
	if body.kind != objectValue {
		return nil, nil
	}
	for i := range body.members {
		m := &body.members[i]
		switch m.name {
		case "settings":
			if m.value.kind != objectValue {
				raise(parseException("key [settings] must be an object"))
			}
			changes = flatten("", &m.value, nil)
		case "mappings":
			if m.value.kind != objectValue {
				raise(parseException("key [mappings] must be an object"))
			}
			mapping = parseMapping(&m.value)
		case "aliases":
			if m.value.kind != objectValue {
				raise(parseException("key [aliases] must be an object"))
			}
			if len(m.value.members) > 0 {
				raise(notModelled("aliases"))
			}
		default:
			raise(parseException("unknown key [%s] for create index", m.name))
		}
	}
	return changes, mapping
}

// validateIndexSettings normalises keys to the prefix "index." and refuses what is
// unknown, private or ill-formed.
func validateIndexSettings(changes []change) settings.Settings {
	registry := settings.IndexRegistry()
	out := map[string]string{}
	for _, ch := range normalise(changes) {
		if ch.value == nil {
			continue
		}
		e := registry.Lookup(ch.key)
		if e == nil {
			raise(illegalArgument("%s", registry.Unknown(ch.key)))
		}
		checkValue(e, ch.key, *ch.value)
		if e.Private() {
			raise(privateSetting(ch.key))
		}
		out[ch.key] = *ch.value
	}
	return settings.Of(out)
}

func privateSetting(key string) *elastic.Error {
	reason := "private index setting [" + key + "] can not be set explicitly"
	return &elastic.Error{Status: 400, Type: "validation_exception", Reason: "Validation Failed: 1: " + reason + ";"}
}

func normalise(changes []change) []change {
	out := make([]change, len(changes))
	for i, ch := range changes {
		if !strings.HasPrefix(ch.key, "index.") {
			ch.key = "index." + ch.key
		}
		out[i] = ch
	}
	return out
}

func prepareDeleteIndex(r *request) action {
	names := r.listParam("index")
	ack, master := r.ackTimeout(), r.masterTimeout()
	opt := r.indicesOptions(indicesOptions{allowNone: true, open: true})
	return func(c *call) *response {
		st := c.state(false, master)
		if destructive(c, st) && (len(names) == 0 || wildcards(names)) {
			raise(illegalArgument("Wildcard expressions or all indices are not allowed"))
		}
		if len(names) == 0 {
			raise(validationFailed("index / indices is missing"))
		}
		acked, err := c.node.DeleteIndices(c.ctx, resolve(st, names, opt), master, ack)
		c.check(err)
		return acknowledged(acked)
	}
}

// destructive is action.destructive_requires_name.
func destructive(c *call, st *state.State) bool {
	v, ok := c.node.Settings().Merged(st.Settings()).Get("action.destructive_requires_name")
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
func prepareGetIndex(r *request) action {
	names := r.listParam("index")
	local, master := r.boolParam("local", false), r.masterTimeout()
	opt := r.indicesOptions(expandOpen)
	defaults, flat := r.boolParam("include_defaults", false), r.boolParam("flat_settings", false)
	features := r.listParam("features")
	return func(c *call) *response {
		st := c.state(local, master)
		w := newJSON(c.req.human())
		w.obj()
		for _, name := range resolve(st, names, opt) {
			m := st.Index(name)
			w.object(name)
			if wants(features, "aliases") {
				w.object("aliases")
				w.end()
			}
			if wants(features, "mappings") {
				w.raw("mappings", mappingObject(m))
			}
			if wants(features, "settings") {
				writeIndexSettings(w, m, nil, defaults, flat)
			}
			w.end()
		}
		w.end()
		return &response{json: w.bytes()}
	}
}

func wants(list []string, what string) bool {
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
func writeIndexSettings(w *jsonWriter, m *state.Index, names []string, defaults, flat bool) {
	own := indexSettings(m)
	shown := own
	if w.human {
		shown = shown.Merged(settings.Of(map[string]string{
			"index.creation_date_string":   isoMillis(time.UnixMilli(m.CreationDate).UTC()),
			"index.version.created_string": version,
		}))
	}
	writeSettings(w, "settings", selectKeys(shown, names), settings.IndexRegistry(), flat)
	if defaults {
		writeSettings(w, "defaults", selectKeys(indexDefaults(own), names), settings.IndexRegistry(), flat)
	}
}

func selectKeys(s settings.Settings, patterns []string) settings.Settings {
	if len(patterns) == 0 || patterns[0] == "_all" {
		return s
	}
	out := map[string]string{}
	for _, k := range s.Keys() {
		for _, p := range patterns {
			if simpleMatch(p, k) {
				out[k], _ = s.Get(k)
			}
		}
	}
	return settings.Of(out)
}

func prepareGetSettings(r *request) action {
	names, keys := r.listParam("index"), r.listParam("name")
	local, master := r.boolParam("local", false), r.masterTimeout()
	opt := r.indicesOptions(expandOpen)
	defaults, flat := r.boolParam("include_defaults", false), r.boolParam("flat_settings", false)
	return func(c *call) *response {
		st := c.state(local, master)
		w := newJSON(c.req.human())
		w.obj()
		for _, name := range resolve(st, names, opt) {
			m := st.Index(name)
			if selectKeys(indexSettings(m), keys).Len() == 0 && !defaults {
				continue
			}
			w.object(name)
			writeIndexSettings(w, m, keys, defaults, flat)
			w.end()
		}
		w.end()
		return &response{json: w.bytes()}
	}
}

func prepareGetMapping(r *request) action {
	names := r.listParam("index")
	local, master := r.boolParam("local", false), r.masterTimeout()
	opt := r.indicesOptions(expandOpen)
	return func(c *call) *response {
		st := c.state(local, master)
		w := newJSON(false)
		w.obj()
		for _, name := range resolve(st, names, opt) {
			w.object(name)
			w.raw("mappings", mappingObject(st.Index(name)))
			w.end()
		}
		w.end()
		return &response{json: w.bytes()}
	}
}

func prepareUpdateSettings(r *request) action {
	names := r.listParam("index")
	ack, master := r.ackTimeout(), r.masterTimeout()
	preserve := r.boolParam("preserve_existing", false)
	if r.boolParam("reopen", false) {
		raise(notModelled("reopening indices"))
	}
	opt := r.indicesOptions(expandOpen)
	body := r.json()
	if body.kind == objectValue && len(body.members) == 1 && body.members[0].name == "settings" && body.members[0].value.kind == objectValue {
		body = body.members[0].value
	}
	changes := normalise(flatten("", &body, nil))
	if len(changes) == 0 {
		raise(validationFailed("no settings to update"))
	}
	return func(c *call) *response {
		st := c.state(false, master)
		targets := resolve(st, names, opt)
		update := checkIndexUpdate(st, targets, changes, preserve)
		acked, err := c.node.UpdateIndexSettings(c.ctx, targets, update, master, ack)
		c.check(err)
		return acknowledged(acked)
	}
}

// checkIndexUpdate refuses changes as MetadataUpdateSettingsService does.
func checkIndexUpdate(st *state.State, targets []string, changes []change, preserve bool) map[string]*string {
	registry := settings.IndexRegistry()
	out := map[string]*string{}
	var fixed []string
	for _, ch := range changes {
		if ch.value == nil && strings.HasSuffix(ch.key, "*") {
			for _, name := range targets {
				for _, k := range st.Index(name).Settings.Keys() {
					if e := registry.Lookup(k); simpleMatch(ch.key, k) && e != nil && e.Dynamic() {
						out[k] = nil
					}
				}
			}
			continue
		}
		e := registry.Lookup(ch.key)
		if e == nil {
			raise(illegalArgument("%s", registry.Unknown(ch.key)))
		}
		if ch.value != nil {
			checkValue(e, ch.key, *ch.value)
		}
		switch {
		case e.Internal():
			raise(illegalArgument("can not update internal setting [%s]; this setting is managed via a dedicated API", ch.key))
		case e.Private():
			raise(illegalArgument("can not update private setting [%s]; this setting is managed by Elasticsearch", ch.key))
		case !e.Dynamic():
			fixed = append(fixed, ch.key)
		}
		out[ch.key] = ch.value
	}
	if len(fixed) > 0 {
		var open []string
		for _, name := range targets {
			open = append(open, "["+name+"/"+st.Index(name).UUID+"]")
		}
		raise(illegalArgument("Can't update non dynamic settings [[%s]] for open indices [%s] unless the `reopen` query parameter is set to true. "+
			"Alternatively, close the indices, apply the settings changes, and reopen the indices", strings.Join(fixed, ", "), strings.Join(open, ", ")))
	}
	if preserve {
		for _, name := range targets {
			for _, k := range st.Index(name).Settings.Keys() {
				delete(out, k)
			}
		}
	}
	return out
}
