package backend

import (
	"context"
	"time"

	"github.com/shardquake/shardquake/chaos"
)

var _ chaos.Clocks = (*target)(nil)

// Jump implements [chaos.Clocks].
func (t *target) Jump(_ context.Context, endpoint string, by time.Duration) error {
	if err := t.ends(endpoint, endpoint); err != nil {
		return err
	}
	t.c.Engine().Clock(endpoint).Jump(by)
	return nil
}

// Offset implements [chaos.Clocks].
func (t *target) Offset(_ context.Context, endpoint string) (time.Duration, error) {
	if err := t.ends(endpoint, endpoint); err != nil {
		return 0, err
	}
	return t.c.Engine().Clock(endpoint).Now().Sub(t.c.Engine().Wall()), nil
}
