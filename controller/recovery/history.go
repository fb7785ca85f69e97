package recovery

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// historyVersion marks the form in which a history is stored.
const historyVersion = 1

// History are the faults that are over, oldest first, and totals of all there ever
// were.
type History struct {
	Version int     `json:"version"`
	NextID  int     `json:"next_id"`
	Faults  []Fault `json:"faults"`
	// Totals go on when faults are dropped from the list.
	Totals []CauseStats `json:"totals"`
	// Restores are indices that were deleted and are not back yet.
	Restores []pendingRestore `json:"restores,omitempty"`
}

// CauseStats sum up the faults of a cause that were resolved.
type CauseStats struct {
	Cause    Cause         `json:"cause"`
	Count    int           `json:"count"`
	Sum      time.Duration `json:"sum_ns"`
	Longest  time.Duration `json:"longest_ns"`
	Unaided  int           `json:"unaided"`  // resolved without an action of the manager
	GivenUps int           `json:"given_up"` // left to a person before they were resolved
}

// Mean is the mean time to recovery (MTTR), 0 when there was none.
func (s CauseStats) Mean() time.Duration {
	if s.Count == 0 {
		return 0
	}
	return s.Sum / time.Duration(s.Count)
}

// Stats are the times to recovery, by cause and in total.
type Stats struct {
	MTTR    time.Duration `json:"mttr_ns"`
	Median  time.Duration `json:"median_ns"` // of the faults kept
	Longest time.Duration `json:"longest_ns"`
	Count   int           `json:"count"`
	Open    int           `json:"open"`
	Causes  []CauseStats  `json:"causes"` // by name
}

// add takes a fault that is over, and drops the oldest beyond the limit.
func (h *History) add(f Fault, limit int) {
	h.Faults = append(h.Faults, f)
	if over := len(h.Faults) - limit; over > 0 {
		h.Faults = append(h.Faults[:0], h.Faults[over:]...)
	}
	if f.State != Resolved {
		return
	}
	i, found := slices.BinarySearchFunc(h.Totals, f.Cause, func(s CauseStats, c Cause) int {
		switch {
		case s.Cause < c:
			return -1
		case s.Cause > c:
			return 1
		}
		return 0
	})
	if !found {
		h.Totals = slices.Insert(h.Totals, i, CauseStats{Cause: f.Cause})
	}
	s := &h.Totals[i]
	s.Count++
	s.Sum += f.TimeToRecovery
	s.Longest = max(s.Longest, f.TimeToRecovery)
	if len(f.Attempts) == 0 {
		s.Unaided++
	}
	if f.person {
		s.GivenUps++
	}
}

// stats sums up.
func (h *History) stats(open int) Stats {
	out := Stats{Open: open, Causes: slices.Clone(h.Totals)}
	var sum time.Duration
	for _, s := range h.Totals {
		out.Count += s.Count
		sum += s.Sum
		out.Longest = max(out.Longest, s.Longest)
	}
	if out.Count > 0 {
		out.MTTR = sum / time.Duration(out.Count)
	}
	var times []time.Duration
	for _, f := range h.Faults {
		if f.State == Resolved {
			times = append(times, f.TimeToRecovery)
		}
	}
	if len(times) > 0 {
		slices.Sort(times)
		low, high := times[(len(times)-1)/2], times[len(times)/2]
		out.Median = low + (high-low)/2
	}
	return out
}

// parseHistory reads a stored history; nothing gives an empty one.
func parseHistory(data []byte) (History, error) {
	h := History{Version: historyVersion, NextID: 1}
	if len(data) == 0 {
		return h, nil
	}
	if err := json.Unmarshal(data, &h); err != nil {
		return History{Version: historyVersion, NextID: 1}, fmt.Errorf("fault history: %w", err)
	}
	if h.Version != historyVersion {
		return History{Version: historyVersion, NextID: 1}, fmt.Errorf("fault history: version %d; this program knows %d", h.Version, historyVersion)
	}
	slices.SortStableFunc(h.Totals, func(a, b CauseStats) int {
		switch {
		case a.Cause < b.Cause:
			return -1
		case a.Cause > b.Cause:
			return 1
		}
		return 0
	})
	h.NextID = max(h.NextID, 1)
	return h, nil
}
