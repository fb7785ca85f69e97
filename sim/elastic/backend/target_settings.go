package backend

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/metadata"
)

// settingsWait bounds a change of settings by a fault, in virtual time.
const settingsWait = 30 * time.Second

var _ chaos.Settings = (*target)(nil)

// Read implements [chaos.Settings]: what the master has applied.
func (t *target) Read(_ context.Context, of chaos.Scope, keys []string) (map[string]string, error) {
	m := t.c.Leader()
	if m == nil {
		return nil, errors.New("there is no master")
	}
	st := m.Applied()
	source := st.Persistent
	if of.Transient {
		source = st.Transient
	}
	if of.Index != "" {
		meta := st.Index(of.Index)
		if meta == nil {
			return nil, elastic.IndexNotFound(of.Index)
		}
		source = meta.Settings
	}
	out := make(map[string]string, len(keys))
	for _, k := range keys {
		out[k], _ = source.Get(k)
	}
	return out, nil
}

// Write implements [chaos.Settings]: a client's request to the master.
func (t *target) Write(ctx context.Context, of chaos.Scope, values map[string]string) error {
	n := t.c.Leader()
	if n == nil {
		return errors.New("there is no master")
	}
	changes := make(map[string]*string, len(values))
	for k, v := range values {
		if v == "" {
			changes[k] = nil
			continue
		}
		changes[k] = &v
	}
	var err error
	switch {
	case of.Transient:
		_, _, err = metadata.UpdateClusterSettings(ctx, n, nil, changes, settingsWait, settingsWait)
	case of.Index == "":
		_, _, err = metadata.UpdateClusterSettings(ctx, n, changes, nil, settingsWait, settingsWait)
	default:
		_, err = metadata.UpdateIndexSettings(ctx, n, []string{of.Index}, changes, settingsWait, settingsWait)
	}
	if err != nil {
		return fmt.Errorf("changing settings: %w", err)
	}
	return nil
}
