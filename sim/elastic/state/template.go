package state

import (
	"cmp"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/settings"
)

// Template is what a new index begins with (Template).
type Template struct {
	Settings settings.Settings // "index." keys
	Mapping  []byte            // JSON object; nil: none
	Aliases  []Alias           // by name
}

// Notes are what people write at a template.
type Notes struct {
	Version    *int64
	Meta       []byte // JSON; nil: none
	Deprecated *bool
}

// ComponentTemplate is a part that index templates are composed of.
type ComponentTemplate struct {
	Name     string
	Template Template
	Notes    Notes
}

// IndexTemplate makes indices with matching names begin alike (ComposableIndexTemplate).
type IndexTemplate struct {
	Name            string
	Patterns        []string
	ComposedOf      []string
	IgnoreMissing   []string // components that need not exist
	Priority        *int64
	Template        *Template         // nil: only components
	DataStream      *StreamOfTemplate // non-nil: matching names are data streams
	AllowAutoCreate *bool
	Notes           Notes
}

// Rank is the priority; 0 without one.
func (t *IndexTemplate) Rank() int64 {
	if t.Priority == nil {
		return 0
	}
	return *t.Priority
}

// StreamOfTemplate says how a template's data streams are.
type StreamOfTemplate struct{ Hidden, CustomRouting bool }

// LegacyTemplate is a template of the older kind (IndexTemplateMetadata): all that match a
// name are laid over each other, in order.
type LegacyTemplate struct {
	Name     string
	Patterns []string
	Order    int
	Version  *int64
	Template Template
}

// DataStream is a name whose writes go to the newest of its indices (DataStream).
type DataStream struct {
	Name       string
	Generation int64
	Indices    []string // backing indices, the write index last
	Template   string
	Hidden     bool
}

// WriteIndex is the backing index that writes go to.
func (d *DataStream) WriteIndex() string { return d.Indices[len(d.Indices)-1] }

// With is the list with an element more, or changed, in order of names.
func With[T any](list []*T, name func(*T) string, element *T) []*T {
	next := Without(list, name, name(element))
	at, _ := slices.BinarySearchFunc(next, name(element), func(e *T, n string) int { return cmp.Compare(name(e), n) })
	return slices.Insert(next, at, element)
}

// Without is a copy of the list without the element of a name.
func Without[T any](list []*T, name func(*T) string, gone string) []*T {
	return slices.DeleteFunc(slices.Clone(list), func(e *T) bool { return name(e) == gone })
}

func find[T any](list []*T, name func(*T) string, wanted string) *T {
	for _, e := range list {
		if name(e) == wanted {
			return e
		}
	}
	return nil
}

// Names of what stands in lists by name.
func (t *ComponentTemplate) name() string { return t.Name }
func (t *IndexTemplate) name() string     { return t.Name }
func (t *LegacyTemplate) name() string    { return t.Name }
func (d *DataStream) name() string        { return d.Name }

// Component finds a component template by name, or nil.
func (s *State) Component(name string) *ComponentTemplate {
	return find(s.Components, (*ComponentTemplate).name, name)
}

// IndexTemplate finds an index template by name, or nil.
func (s *State) IndexTemplate(name string) *IndexTemplate {
	return find(s.IndexTemplates, (*IndexTemplate).name, name)
}

// LegacyTemplate finds a template of the older kind by name, or nil.
func (s *State) LegacyTemplate(name string) *LegacyTemplate {
	return find(s.LegacyTemplates, (*LegacyTemplate).name, name)
}

// DataStream finds a data stream by name, or nil.
func (s *State) DataStream(name string) *DataStream {
	return find(s.DataStreams, (*DataStream).name, name)
}

// StreamOf is the data stream that an index backs, or nil.
func (s *State) StreamOf(index string) *DataStream {
	for _, d := range s.DataStreams {
		if slices.Contains(d.Indices, index) {
			return d
		}
	}
	return nil
}

// WithComponent, WithIndexTemplate, WithLegacyTemplate and WithDataStream are the state with
// one more or changed; the others without one.
func (s *State) WithComponent(t *ComponentTemplate) *State {
	next := s.Clone()
	next.Components = With(s.Components, (*ComponentTemplate).name, t)
	return next
}

func (s *State) WithIndexTemplate(t *IndexTemplate) *State {
	next := s.Clone()
	next.IndexTemplates = With(s.IndexTemplates, (*IndexTemplate).name, t)
	return next
}

func (s *State) WithLegacyTemplate(t *LegacyTemplate) *State {
	next := s.Clone()
	next.LegacyTemplates = With(s.LegacyTemplates, (*LegacyTemplate).name, t)
	return next
}

func (s *State) WithDataStream(d *DataStream) *State {
	next := s.Clone()
	next.DataStreams = With(s.DataStreams, (*DataStream).name, d)
	return next
}

func (s *State) WithoutComponent(name string) *State {
	next := s.Clone()
	next.Components = Without(s.Components, (*ComponentTemplate).name, name)
	return next
}

func (s *State) WithoutIndexTemplate(name string) *State {
	next := s.Clone()
	next.IndexTemplates = Without(s.IndexTemplates, (*IndexTemplate).name, name)
	return next
}

func (s *State) WithoutLegacyTemplate(name string) *State {
	next := s.Clone()
	next.LegacyTemplates = Without(s.LegacyTemplates, (*LegacyTemplate).name, name)
	return next
}

func (s *State) WithoutDataStream(name string) *State {
	next := s.Clone()
	next.DataStreams = Without(s.DataStreams, (*DataStream).name, name)
	return next
}
