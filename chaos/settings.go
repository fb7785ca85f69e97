package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// SettingsChange sets cluster-wide settings, or those of an index, as an operator
// would: more replicas, another recovery limit, rebalancing off.
type SettingsChange struct {
	Index string            `yaml:"index,omitempty" json:"index,omitempty" jsonschema:"description=whose settings; absent: the cluster's"`
	Set   map[string]string `yaml:"set" json:"set" jsonschema:"required,description=settings by their full names; an empty value takes a setting away"`
	// Transient settings of the cluster are above its persistent ones.
	Transient bool           `yaml:"transient,omitempty" json:"transient,omitempty" jsonschema:"description=transient settings of the cluster and not persistent ones"`
	For       units.Duration `yaml:"for,omitempty" json:"for,omitempty" jsonschema:"description=how long until they are as before; absent: for good"`
}

func settingsChange() Kind {
	return Kind{
		Name: "settings", About: "settings of the cluster or of an index change",
		Systems: []string{Elasticsearch},
		New:     func() Fault { return &SettingsChange{} },
		Draw: func(d *Dice) Fault {
			set := Pick(d, [2]string{"cluster.routing.allocation.enable", "primaries"}, [2]string{"cluster.routing.allocation.enable", "none"},
				[2]string{"cluster.routing.rebalance.enable", "none"}, [2]string{"indices.recovery.max_bytes_per_sec", "1mb"})
			return &SettingsChange{Set: map[string]string{set[0]: set[1]}, For: d.Lasting()}
		},
	}
}

// Kind implements [Fault].
func (*SettingsChange) Kind() string { return "settings" }

// Lasts implements [Fault].
func (f *SettingsChange) Lasts() time.Duration { return f.For.D() }

// Permanent implements [Permanent].
func (f *SettingsChange) Permanent() bool { return f.For == 0 }

// Sets implements [Setter].
func (f *SettingsChange) Sets() (values map[string]string, ofIndex bool, at string) {
	return f.Set, f.Index != "", "set"
}

// Check implements [Fault]. Whether Elasticsearch knows the settings is for the
// scenario's vocabulary to say.
func (f *SettingsChange) Check(t Topology) []source.Problem {
	var ps []source.Problem
	if len(f.Set) == 0 {
		ps = append(ps, source.Problemf("set", "nothing is set; expected set: with settings by their full names"))
	}
	if f.Index != "" && f.Transient {
		ps = append(ps, source.Problemf("transient", "settings of an index are never transient"))
	}
	if f.Index != "" && !slices.ContainsFunc(t.Indices, func(i IndexShape) bool { return i.Name == f.Index }) {
		var names []string
		for _, i := range t.Indices {
			names = append(names, i.Name)
		}
		ps = append(ps, source.Problemf("index", "%s", source.Unknown("index", f.Index, names)))
	}
	return ps
}

// Resolve implements [Fault].
func (f *SettingsChange) Resolve(View) (Resolved, error) {
	return Resolved{Fault: f, Primitives: []Primitive{&changeSettings{of: Scope{Index: f.Index, Transient: f.Transient}, set: f.Set}}}, nil
}

// changeSettings writes settings and remembers what they were.
type changeSettings struct {
	of     Scope
	set    map[string]string
	layers *settingLayers
	// after is what healing left, by key: the value before, or that of another fault that
	// still holds the setting.
	after map[string]string
}

// share implements [sharing].
func (c *changeSettings) share(in *Injector) { c.layers = &in.layers }

func (c *changeSettings) keys() []string { return slices.Sorted(maps.Keys(c.set)) }

func (c *changeSettings) String() string {
	var parts []string
	for _, k := range c.keys() {
		parts = append(parts, k+"="+c.set[k])
	}
	of := ""
	switch {
	case c.of.Index != "":
		of = " of " + c.of.Index
	case c.of.Transient:
		of = " (transient)"
	}
	return "set " + strings.Join(parts, ", ") + of
}

func (c *changeSettings) settings(t Target) (Settings, error) {
	if t.Settings != nil {
		return t.Settings, nil
	}
	return nil, lacks("settings")
}

func (c *changeSettings) Needs(t Target) error {
	_, err := c.settings(t)
	return err
}

// Holds implements [Primitive]: the layers know of each single setting who holds it.
func (c *changeSettings) Holds() Hold { return Hold{} }

func (c *changeSettings) Inject(ctx context.Context, t Target) error {
	s, err := c.settings(t)
	if err != nil {
		return err
	}
	if c.layers == nil {
		c.layers = &settingLayers{}
	}
	before, err := s.Read(ctx, c.of, c.keys())
	if err != nil {
		return err
	}
	if err := s.Write(ctx, c.of, c.set); err != nil {
		return err
	}
	c.layers.put(c, before)
	return nil
}

func (c *changeSettings) Heal(ctx context.Context, t Target) error {
	s, err := c.settings(t)
	if err != nil {
		return err
	}
	if c.layers == nil {
		return errors.New("nothing was changed")
	}
	write, after := c.layers.without(c)
	if len(write) > 0 {
		if err := s.Write(ctx, c.of, write); err != nil {
			return err
		}
	}
	c.layers.remove(c)
	c.after = after
	return nil
}

func (c *changeSettings) look(ctx context.Context, t Target, want map[string]string) Evidence {
	s, err := c.settings(t)
	if err != nil {
		return evidence(c, err, false, "")
	}
	now, err := s.Read(ctx, c.of, c.keys())
	var saw []string
	same := true
	for _, k := range c.keys() {
		saw = append(saw, fmt.Sprintf("%s=%s", k, now[k]))
		same = same && now[k] == want[k]
	}
	return evidence(c, err, same, "%s", strings.Join(saw, ", "))
}

func (c *changeSettings) Bites(ctx context.Context, t Target) Evidence { return c.look(ctx, t, c.set) }

func (c *changeSettings) Gone(ctx context.Context, t Target) Evidence {
	return c.look(ctx, t, c.after)
}
