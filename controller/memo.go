package controller

import (
	"bytes"
	"sync"
)

// memo remembers the last body of a repeated read and what was parsed from it.
type memo[T any] struct {
	mu    sync.Mutex
	known bool
	body  []byte
	value T
}

// parse returns the value of body, parsed anew only when body differs from the last
// one. unchanged reports that it did not. The body must not be modified afterwards.
func (m *memo[T]) parse(body []byte, f func([]byte) (T, error)) (value T, unchanged bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known && bytes.Equal(body, m.body) {
		return m.value, true, nil
	}
	v, err := f(body)
	if err != nil {
		return v, false, err
	}
	m.known, m.body, m.value = true, body, v
	return v, false, nil
}
