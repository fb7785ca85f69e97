package client

import (
	"slices"
	"time"
)

// window is how many latencies are kept.
const window = 4096

// latencies are of the last operations. The caller locks.
type latencies struct {
	list []time.Duration
	next int
	sum  time.Duration
}

func (db *DB) record(d time.Duration) {
	db.mu.Lock()
	defer db.mu.Unlock()
	l := &db.lat
	if len(l.list) < window {
		l.list = append(l.list, d)
	} else {
		l.sum -= l.list[l.next]
		l.list[l.next] = d
		l.next = (l.next + 1) % window
	}
	l.sum += d
}

// Latency is how long requests took lately, from the first attempt to the answer.
type Latency struct {
	Requests               int
	Average, P50, P95, P99 time.Duration
}

// Latency is that of the last requests of this client, at most 4,096.
func (db *DB) Latency() Latency {
	db.mu.Lock()
	list, sum := slices.Clone(db.lat.list), db.lat.sum
	db.mu.Unlock()
	if len(list) == 0 {
		return Latency{}
	}
	slices.Sort(list)
	at := func(percent int) time.Duration { return list[(len(list)*percent+99)/100-1] }
	return Latency{Requests: len(list), Average: sum / time.Duration(len(list)), P50: at(50), P95: at(95), P99: at(99)}
}

// Unfinished is how many transactions this client has decided and left for others to
// finish.
func (db *DB) Unfinished() int {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.unfinished
}
