package state

import (
	"slices"
	"time"
)

// The types of registered shutdowns that the model has.
const (
	ShutdownRestart = "restart"
	ShutdownRemove  = "remove"
	ShutdownReplace = "replace"
)

// defaultRestartDelay is how long the copies of a restarting node are waited for where its
// shutdown doesn't say (SingleNodeShutdownMetadata.DEFAULT_RESTART_SHARD_ALLOCATION_DELAY).
const defaultRestartDelay = 5 * time.Minute

// Shutdown says that a node is meant to go (SingleNodeShutdownMetadata).
type Shutdown struct {
	Node          string // id
	Type          string
	Reason        string
	StartedMillis int64
	// Delay is how long its copies are waited for after it has left for a restart; nil: the
	// default.
	Delay *time.Duration
	// Target is the name of the node that takes the copies of one that is replaced.
	Target string
}

// Shutdown finds the shutdown of a node, or nil.
func (s *State) Shutdown(node string) *Shutdown {
	for _, d := range s.Shutdowns {
		if d.Node == node {
			return d
		}
	}
	return nil
}

// WithShutdown is the state with a shutdown of a node in place of another one.
func (s *State) WithShutdown(d *Shutdown) *State {
	next := s.WithoutShutdown(d.Node).Clone()
	next.Shutdowns = append(slices.Clone(next.Shutdowns), d)
	return next
}

// WithoutShutdown is the state without the shutdown of a node.
func (s *State) WithoutShutdown(node string) *State {
	next := s.Clone()
	next.Shutdowns = slices.DeleteFunc(slices.Clone(s.Shutdowns), func(d *Shutdown) bool { return d.Node == node })
	return next
}

// DelayOf is how long an unassigned copy of an index waits for its node, whose setting is
// given: longer where the node was to be restarted (UnassignedInfo.getRemainingDelay).
func (s *State) DelayOf(info *UnassignedInfo, setting time.Duration) time.Duration {
	d := s.Shutdown(info.LastNode)
	if info.LastNode == "" || d == nil || d.Type != ShutdownRestart {
		return setting
	}
	if d.Delay != nil {
		return max(setting, *d.Delay)
	}
	return max(setting, defaultRestartDelay)
}
