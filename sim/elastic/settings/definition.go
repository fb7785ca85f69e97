package settings

import "fmt"

// Scope says where a setting may stand and when it may change.
type Scope uint8

// Scopes of a definition, to be or-ed.
const (
	// Node: in elasticsearch.yml and, when Dynamic, in the cluster's settings.
	Node Scope = 1 << iota
	// Index: in an index's settings.
	Index
	// Dynamic: may be changed while the cluster (or the index) is open.
	Dynamic
)

// Definition is what the table knows of a setting, whatever its type.
type Definition interface {
	// Key is the setting's name; of a group ("…awareness.force.") its prefix, ending in a dot.
	Key() string
	// Group reports whether Key is a prefix under which any name may stand.
	Group() bool
	Scope() Scope
	// DefaultText is the default as Elasticsearch prints it, given the other settings
	// (some defaults follow another setting).
	DefaultText(Settings) string
	// Check returns the error Elasticsearch gives for this text.
	Check(text string) error
}

// Setting is a definition with the type of its value.
type Setting[T any] struct {
	key   string
	group bool
	scope Scope
	def   func(Settings) string
	parse func(key, text string) (T, error)
}

// Key implements [Definition].
func (d *Setting[T]) Key() string { return d.key }

// Group implements [Definition].
func (d *Setting[T]) Group() bool { return d.group }

// Scope implements [Definition].
func (d *Setting[T]) Scope() Scope { return d.scope }

// DefaultText implements [Definition].
func (d *Setting[T]) DefaultText(s Settings) string { return d.def(s) }

// Check implements [Definition].
func (d *Setting[T]) Check(text string) error {
	_, err := d.parse(d.key, text)
	return err
}

// Get reads the setting, or its default. Settings are validated before they enter
// a cluster state, so text that does not parse is a defect of the model: it panics.
func (d *Setting[T]) Get(s Settings) T {
	text, ok := s.Get(d.key)
	if !ok {
		text = d.def(s)
	}
	v, err := d.parse(d.key, text)
	if err != nil {
		panic(fmt.Sprintf("setting %s: %v", d.key, err))
	}
	return v
}

// IsSet reports whether the setting has an explicit value.
func (d *Setting[T]) IsSet(s Settings) bool {
	_, ok := s.Get(d.key)
	return ok
}
