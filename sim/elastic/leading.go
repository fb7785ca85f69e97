package elastic

import (
	"errors"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/load"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// Load is a steady stream of operations on an index that has no events of its own.
type Load = load.Spec

// SetLoad replaces the background load from now on; an empty list stops it.
func (c *Cluster) SetLoad(loads []Load) { c.Fluid.Set(loads) }

// Utilisation is how busy a node's machine is now; not at all without a process.
func (c *Cluster) Utilisation(name string) load.Utilisation {
	n := c.ByName[name]
	if n == nil || n.Proc == nil {
		return load.Utilisation{}
	}
	return n.Load().Utilisation()
}

// leading is a primary as the background load knows it.
type leading struct{ *Shard }

var _ load.Primary = leading{}

func (s leading) Acts() bool { return s.ActingPrimary() && !s.Process.dead }

func (s leading) Accepts() bool { return s.Phase == Started && !s.Process.Paused }

func (s leading) IndexMetadata() *state.Index { return s.Meta }

func (s leading) OwnStore() *store.Store { return s.Store }

func (s leading) Unavailable() []string { return s.Tracker.unavailable() }

func (s leading) Targets() []*state.Copy { return s.Tracker.targets() }

func (s leading) Reach(c *state.Copy) *store.Store {
	st := s.Process.StoreOf(c, s.Key)
	if st == nil || !s.Process.linked(c.Node) {
		return nil
	}
	return st
}

func (s leading) Refuses(c *state.Copy) bool {
	to, net, own := s.Process.Member(c.Node), s.Process.Cluster.net, s.Process.Node.Name()
	switch out, back := net.Reachable(own, to.Name()), net.Reachable(to.Name(), own); {
	case out == sim.Blackhole || back == sim.Blackhole:
		return false
	case out == sim.Reset || back == sim.Reset:
		return true
	}
	return to.Proc == nil
}

func (s leading) After(d time.Duration, name string, f func()) { s.Process.After(d, name, f) }

func (s leading) FailCopy(id, message string) {
	s.Process.failCopy(s.Key, id, s.Term, true, message, "", func(err error) {
		if errors.Is(err, errNoLongerPrimary) && s.Phase != Closed {
			s.fail("primary shard was demoted while failing replica shard", err.Error())
		}
	})
}
