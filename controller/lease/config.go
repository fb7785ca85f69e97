package lease

import (
	"errors"
	"fmt"
	"time"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/internal/clock"
)

// Config configures a lease. Zero values mean the defaults.
type Config struct {
	Clock clock.Clock
	// Client reads and writes the lease. It must not be behind the lease's own fence.
	Client *controller.Client
	// Name of this controller, for people.
	Name string
	// Index and ID of the document. Default "shardquake-lease" and "leader".
	Index, ID string
	// TTL is how long the lease holds without a renewal. Default 15 s.
	TTL time.Duration
}

func (c Config) withDefaults() (Config, error) {
	switch {
	case c.Clock == nil:
		return c, errors.New("lease: no clock")
	case c.Client == nil:
		return c, errors.New("lease: no client")
	case c.Name == "":
		return c, errors.New("lease: no name")
	}
	if c.Index == "" {
		c.Index = "shardquake-lease"
	}
	if c.ID == "" {
		c.ID = "leader"
	}
	if c.TTL == 0 {
		c.TTL = 15 * time.Second
	}
	if c.TTL < time.Second {
		return c, fmt.Errorf("lease: time to live %v: want a second or more", c.TTL)
	}
	return c, nil
}

// renewal is the time between two renewals.
func (c Config) renewal() time.Duration { return c.TTL / 4 }

// retry is the wait after a renewal that failed.
func (c Config) retry() time.Duration { return c.TTL / 20 }

// poll is the time between two looks of a stand-by.
func (c Config) poll() time.Duration { return c.TTL / 5 }

// guard is how long before the end of the time to live a holder stops acting.
func (c Config) guard() time.Duration { return c.TTL / 5 }

// TakeoverLimit is how long the cluster is without an acting controller at most when
// the holder dies and the lease's index can be read and written, besides the time of
// four calls: the version must be seen, and then stand for the time to live.
func TakeoverLimit(ttl time.Duration) time.Duration { return ttl + ttl/5 }
