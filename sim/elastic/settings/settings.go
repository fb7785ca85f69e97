package settings

import (
	"maps"
	"slices"
)

// Settings is an immutable flat map from setting key to its text. The zero value
// is empty.
type Settings struct{ values map[string]string }

// Of copies a map.
func Of(values map[string]string) Settings {
	return Settings{values: maps.Clone(values)}
}

// Get returns a setting's text and whether it is set.
func (s Settings) Get(key string) (string, bool) {
	v, ok := s.values[key]
	return v, ok
}

// Len is the number of settings.
func (s Settings) Len() int { return len(s.values) }

// Keys returns the keys in ascending order.
func (s Settings) Keys() []string {
	return slices.Sorted(maps.Keys(s.values))
}

// With returns the settings after changes; a nil value removes a key.
func (s Settings) With(changes map[string]*string) Settings {
	out := make(map[string]string, len(s.values)+len(changes))
	maps.Copy(out, s.values)
	for k, v := range changes {
		if v == nil {
			delete(out, k)
		} else {
			out[k] = *v
		}
	}
	return Settings{values: out}
}

// Merged returns the settings with those of over on top.
func (s Settings) Merged(over Settings) Settings {
	if over.Len() == 0 {
		return s
	}
	out := make(map[string]string, len(s.values)+len(over.values))
	maps.Copy(out, s.values)
	maps.Copy(out, over.values)
	return Settings{values: out}
}

// Equal reports whether both hold the same settings.
func (s Settings) Equal(o Settings) bool { return maps.Equal(s.values, o.values) }
