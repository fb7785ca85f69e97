package chaos

import (
	"slices"
	"sync"
)

// settingLayers are the faults that hold each setting, in the order in which they took it.
// The last one's value is in force; when one heals, the value of the last that is left
// is, and beneath all of them the value from before.
type settingLayers struct {
	mu  sync.Mutex // held for moments only
	all map[settingOf]*layers
}

// settingOf is a setting in its scope.
type settingOf struct {
	of  Scope
	key string
}

type layers struct {
	base string // "" not set
	over []*changeSettings
}

// top is the value that holds with the layers given.
func (l *layers) top(key string, over []*changeSettings) string {
	if len(over) == 0 {
		return l.base
	}
	return over[len(over)-1].set[key]
}

// put lays a change over the others; before is what the settings were.
func (s *settingLayers) put(c *changeSettings, before map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = make(map[settingOf]*layers)
	}
	for _, key := range c.keys() {
		at := settingOf{c.of, key}
		if s.all[at] == nil {
			s.all[at] = &layers{base: before[key]}
		}
		s.all[at].over = append(s.all[at].over, c)
	}
}

// without says which settings have to be written for a change to go, and what all of its
// settings are then.
func (s *settingLayers) without(c *changeSettings) (write, after map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	write, after = make(map[string]string), make(map[string]string)
	for _, key := range c.keys() {
		l := s.all[settingOf{c.of, key}]
		if l == nil {
			continue
		}
		left := slices.DeleteFunc(slices.Clone(l.over), func(x *changeSettings) bool { return x == c })
		after[key] = l.top(key, left)
		if l.over[len(l.over)-1] == c {
			write[key] = after[key]
		}
	}
	return write, after
}

// remove takes a change off.
func (s *settingLayers) remove(c *changeSettings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range c.keys() {
		at := settingOf{c.of, key}
		l := s.all[at]
		if l == nil {
			continue
		}
		l.over = slices.DeleteFunc(l.over, func(x *changeSettings) bool { return x == c })
		if len(l.over) == 0 {
			delete(s.all, at)
		}
	}
}
