package recovery

import (
	"errors"
	"fmt"
	"time"
)

// Config configures a manager. Zero values mean the defaults.
type Config struct {
	// Interval between two looks. Default 30 s.
	Interval time.Duration
	// BackoffBase and BackoffMax bound the wait between two tries against a cause: base ×
	// 2ⁿ⁻¹ after the n-th, at most max, of which a random part between a half and all is
	// waited. Default 30 s and 10 m.
	BackoffBase, BackoffMax time.Duration
	// MaxTries against one cause; then a person is needed. Default 6.
	MaxTries int
	// Patience is how long a node without which data would be lost is waited for, also
	// with an approval. Default 5 m.
	Patience time.Duration
	// StuckAfter is how long a recovery may make no progress. Default 10 m.
	StuckAfter time.Duration
	// StaleAfter is how long a flood block may stay when no disk is at that stage any
	// more; Elasticsearch, which looks every 30 s, lifts it once all are below the high
	// watermark. Default 1 m.
	StaleAfter time.Duration
	// MaxExplain bounds the explanations asked for in a round. Default 20.
	MaxExplain int
	// Keep is how many faults that are over are kept. Default 500.
	Keep int
	// Approve are actions that a person has allowed.
	Approve []Approval
	// Store keeps the history. Default: memory.
	Store Store
}

func (c Config) withDefaults() (Config, error) {
	for _, d := range []struct {
		name    string
		field   *time.Duration
		initial time.Duration
	}{
		{"interval", &c.Interval, 30 * time.Second}, {"back-off base", &c.BackoffBase, 30 * time.Second},
		{"back-off maximum", &c.BackoffMax, 10 * time.Minute}, {"patience", &c.Patience, 5 * time.Minute},
		{"stuck after", &c.StuckAfter, 10 * time.Minute}, {"stale after", &c.StaleAfter, time.Minute},
	} {
		if *d.field == 0 {
			*d.field = d.initial
		}
		if *d.field < 0 {
			return c, fmt.Errorf("recovery: %s %v: must be positive", d.name, *d.field)
		}
	}
	for _, d := range []struct {
		name    string
		field   *int
		initial int
	}{{"max tries", &c.MaxTries, 6}, {"max explain", &c.MaxExplain, 20}, {"keep", &c.Keep, 500}} {
		if *d.field == 0 {
			*d.field = d.initial
		}
		if *d.field < 0 {
			return c, fmt.Errorf("recovery: %s %d: must be positive", d.name, *d.field)
		}
	}
	var errs []error
	for _, a := range c.Approve {
		errs = append(errs, a.Check())
	}
	if c.Store == nil {
		c.Store = &MemoryStore{}
	}
	return c, errors.Join(errs...)
}
