package cluster

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// SettingsRendering are the parameters of everything that prints settings.
var SettingsRendering = []string{"flat_settings"}

func prepareGetClusterSettings(r *rest.Request) rest.Action {
	local, timeout := r.BoolParam("local", false), r.MasterTimeout()
	defaults, flat := r.BoolParam("include_defaults", false), r.BoolParam("flat_settings", false)
	return func(c *rest.Call) *rest.Response {
		st := c.State(local, timeout)
		key := "_cluster/settings of " + c.Node.Name() + " " + strconv.FormatBool(defaults) + " " + strconv.FormatBool(flat)
		return &rest.Response{JSON: c.Cache.Render(key, st, func() []byte { return clusterSettings(c.Node, st, defaults, flat) })}
	}
}

// clusterSettings are the settings of a state, with the defaults or without, as a node tells them.
func clusterSettings(node *elastic.Node, st *state.State, defaults, flat bool) []byte {
	w := rest.NewWriter(false)
	w.Obj()
	WriteSettings(w, "persistent", st.Persistent, settings.ClusterRegistry(), flat)
	WriteSettings(w, "transient", st.Transient, settings.ClusterRegistry(), flat)
	if defaults {
		set := node.Settings().Merged(st.Settings())
		WriteSettings(w, "defaults", clusterDefaults(node, st, set), settings.ClusterRegistry(), flat)
	}
	w.End()
	return w.Bytes()
}

// clusterDefaults are all settings that the cluster's own do not cover: those of the
// node's file and the defaults.
func clusterDefaults(node *elastic.Node, st *state.State, set settings.Settings) settings.Settings {
	registry := settings.ClusterRegistry()
	out := map[string]string{"node.name": node.Name(), "cluster.name": st.ClusterName, "node.external_id": node.Name()}
	if self := st.Node(node.ID()); self != nil {
		for _, a := range self.Attributes {
			out["node.attr."+a.Name] = a.Value
		}
	}
	explicit := st.Settings()
	for _, e := range registry.Entries() {
		if e.Complex() || e.Filtered() || e.Module() || e.Kind == settings.Secure {
			continue
		}
		if _, ok := explicit.Get(e.Key); ok {
			continue
		}
		if _, ok := out[e.Key]; !ok {
			out[e.Key] = registry.DefaultText(&e, set)
		}
	}
	own := node.Settings()
	for _, k := range own.Keys() {
		if _, ok := explicit.Get(k); !ok {
			out[k], _ = own.Get(k)
		}
	}
	return settings.Of(out)
}

// WriteSettings prints settings under a key, nested at their dots or flat.
func WriteSettings(w *rest.Writer, key string, s settings.Settings, registry *settings.Registry, flat bool) {
	w.Object(key)
	writeSettingsBody(w, s, registry, flat)
	w.End()
}

func writeSettingsBody(w *rest.Writer, s settings.Settings, registry *settings.Registry, flat bool) {
	keys := s.Keys()
	if flat {
		for _, k := range keys {
			writeSetting(w, k, k, s, registry)
		}
		return
	}
	var open []string
	for _, k := range keys {
		parts := strings.Split(k, ".")
		dirs, leaf := parts[:len(parts)-1], parts[len(parts)-1]
		// A key that is also the beginning of another stands in its dotted form.
		for n := 1; n < len(parts); n++ {
			if _, clash := s.Get(strings.Join(parts[:n], ".")); clash {
				dirs, leaf = parts[:n-1], strings.Join(parts[n-1:], ".")
				break
			}
		}
		same := 0
		for same < len(open) && same < len(dirs) && open[same] == dirs[same] {
			same++
		}
		for range open[same:] {
			w.End()
		}
		for _, d := range dirs[same:] {
			w.Object(d)
		}
		open = dirs
		writeSetting(w, leaf, k, s, registry)
	}
	for range open {
		w.End()
	}
}

// writeSetting prints one setting: a list when its text is a JSON list.
func writeSetting(w *rest.Writer, name, key string, s settings.Settings, registry *settings.Registry) {
	v, _ := s.Get(key)
	if e := registry.Lookup(key); e != nil && (e.Kind == settings.List || e.Kind == settings.AffixList) {
		if list, ok := listOf(v); ok {
			w.Strs(name, list)
			return
		}
	}
	w.Str(name, v)
}

// listOf reads a list that was set as one: its text is JSON.
func listOf(text string) ([]string, bool) {
	if !strings.HasPrefix(text, "[") {
		return nil, false
	}
	var list []string
	if json.Unmarshal([]byte(text), &list) != nil {
		return nil, false
	}
	return list, true
}

// change is a setting in a request; nil resets it.
type change struct {
	Key   string
	Value *string
}

// Flatten turns a settings object of a request into changes, in order of keys
// (Settings.Builder.loadFromMap). Lists keep their JSON form.
func Flatten(prefix string, v *rest.Value, out []change) []change {
	for i := range v.Members {
		m := &v.Members[i]
		key := prefix + m.Name
		switch m.Value.Kind {
		case rest.ObjectValue:
			out = Flatten(key+".", &m.Value, out)
		case rest.NullValue:
			out = append(out, change{key, nil})
		case rest.ArrayValue:
			text := listText(&m.Value)
			out = append(out, change{key, &text})
		default:
			text := m.Value.Text
			out = append(out, change{key, &text})
		}
	}
	if prefix == "" {
		slices.SortStableFunc(out, func(a, b change) int { return strings.Compare(a.Key, b.Key) })
	}
	return out
}

func listText(v *rest.Value) string {
	w := rest.NewWriter(false)
	w.Arr()
	for i := range v.Elements {
		w.Elem(v.Elements[i].Text)
	}
	w.End()
	return string(w.Bytes())
}

func prepareUpdateClusterSettings(r *rest.Request) rest.Action {
	masterTimeout, ackTimeout := r.MasterTimeout(), r.AckTimeout()
	flat := r.BoolParam("flat_settings", false)
	body := r.JSON()
	sections := map[string][]change{}
	for _, name := range []string{"transient", "persistent"} {
		v := body.Member(name)
		if v == nil || v.Kind == rest.NullValue {
			continue
		}
		if v.Kind != rest.ObjectValue {
			rest.Raise(classCast(v))
		}
		sections[name] = Flatten("", v, nil)
	}
	if len(sections["transient"])+len(sections["persistent"]) == 0 {
		rest.Raise(rest.ValidationFailed("no settings to update"))
	}
	return func(c *rest.Call) *rest.Response {
		st := c.State(false, masterTimeout)
		transient := checkUpdate("transient", sections["transient"], st.Transient)
		persistent := checkUpdate("persistent", sections["persistent"], st.Persistent)
		checkTogether(c.Node.Settings().Merged(st.Persistent.With(persistent)).Merged(st.Transient.With(transient)))
		acked, _, err := metadata.UpdateClusterSettings(c.Ctx, c.Node, persistent, transient, masterTimeout, ackTimeout)
		c.Check(err)
		w := rest.NewWriter(false)
		w.Obj()
		w.Bool("acknowledged", acked)
		WriteSettings(w, "persistent", set(persistent), settings.ClusterRegistry(), flat)
		WriteSettings(w, "transient", set(transient), settings.ClusterRegistry(), flat)
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

// classCast is what Java says of a value of the wrong kind.
func classCast(v *rest.Value) *elastic.Error {
	class := map[rest.ValueKind]string{
		rest.ArrayValue: "java.util.ArrayList", rest.StringValue: "java.lang.String", rest.NumberValue: "java.lang.Integer", rest.BoolValue: "java.lang.Boolean",
	}[v.Kind]
	return &elastic.Error{
		Status: 500, Type: "class_cast_exception",
		Reason: "class " + class + " cannot be cast to class java.util.Map (" + class + " and java.util.Map are in module java.base of loader 'bootstrap')",
	}
}

// set is the changes that set something.
func set(changes map[string]*string) settings.Settings {
	out := map[string]string{}
	for k, v := range changes {
		if v != nil {
			out[k] = *v
		}
	}
	return settings.Of(out)
}

// checkUpdate refuses changes as AbstractScopedSettings.updateSettings does and
// resolves wildcards of resets.
func checkUpdate(section string, changes []change, present settings.Settings) map[string]*string {
	registry := settings.ClusterRegistry()
	out := map[string]*string{}
	for _, ch := range changes {
		e := registry.Lookup(ch.Key)
		switch {
		case ch.Value == nil && (strings.HasSuffix(ch.Key, "*") || strings.HasPrefix(ch.Key, "archived.")):
			for _, k := range present.Keys() {
				if rest.SimpleMatch(ch.Key, k) {
					out[k] = nil
				}
			}
		case ch.Value == nil && e != nil && e.Dynamic():
			out[ch.Key] = nil
		case e == nil:
			rest.Raise(rest.IllegalArgument("%s setting [%s], not recognized", section, ch.Key))
		case e.Final():
			rest.Raise(rest.IllegalArgument("final %s setting [%s], not updateable", section, ch.Key))
		case !e.Dynamic():
			rest.Raise(rest.IllegalArgument("%s setting [%s], not dynamically updateable", section, ch.Key))
		default:
			checkValue(e, ch.Key, *ch.Value)
			out[ch.Key] = ch.Value
		}
	}
	return out
}

// checkValue refuses a value that the setting does not take.
func checkValue(e *settings.Entry, key, value string) {
	if e.Kind == settings.List || e.Kind == settings.AffixList {
		return
	}
	if strings.HasSuffix(key, "._ip") || strings.HasSuffix(key, "._host_ip") || strings.HasSuffix(key, "._publish_ip") {
		checkAddresses(key, value)
	}
	if err := e.Check(key, value); err != nil {
		rest.Raise(badValue(err))
	}
}

func badValue(err error) *elastic.Error {
	e := rest.IllegalArgument("%s", err.Error())
	if bad, ok := err.(*settings.BadValue); ok && bad.CauseType != "" {
		e.CausedBy = &elastic.Error{Type: bad.CauseType, Reason: bad.Cause}
	}
	return e
}

func checkAddresses(key, value string) {
	list, ok := listOf(value)
	if !ok {
		list = strings.Split(value, ",")
	}
	for _, ip := range list {
		if ip = strings.TrimSpace(ip); ip == "" {
			continue
		}
		if !strings.Contains(ip, "*") && !isAddress(ip) {
			rest.Raise(rest.IllegalArgument("invalid IP address [%s] for [%s]", ip, key))
		}
	}
}
