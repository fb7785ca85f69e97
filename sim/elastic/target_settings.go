package elastic

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shardquake/shardquake/chaos"
)

// settingsWait bounds a change of settings by a fault, in virtual time.
const settingsWait = 30 * time.Second

var _ chaos.Settings = (*target)(nil)

// Read implements [chaos.Settings]: what the master has applied.
func (t *target) Read(_ context.Context, index string, keys []string) (map[string]string, error) {
	m := t.c.leader()
	if m == nil {
		return nil, errors.New("there is no master")
	}
	st := m.Applied()
	source := st.Persistent
	if index != "" {
		meta := st.Index(index)
		if meta == nil {
			return nil, IndexNotFound(index)
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
func (t *target) Write(ctx context.Context, index string, values map[string]string) error {
	n := t.c.leader()
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
	if index == "" {
		_, _, err = n.UpdateClusterSettings(ctx, changes, nil, settingsWait, settingsWait)
	} else {
		_, err = n.UpdateIndexSettings(ctx, []string{index}, changes, settingsWait, settingsWait)
	}
	if err != nil {
		return fmt.Errorf("changing settings: %w", err)
	}
	return nil
}
