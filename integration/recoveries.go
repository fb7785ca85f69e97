package integration

import (
	"context"
	"slices"
	"time"

	"github.com/shardquake/shardquake/scenarios/observed"
)

const recoveryQuery = "/_recovery?filter_path=*.shards.id,*.shards.type,*.shards.stage,*.shards.primary,*.shards.start_time_in_millis," +
	"*.shards.stop_time_in_millis,*.shards.source.name,*.shards.target.name,*.shards.index,*.shards.translog"

// recoveryAnswer is what _recovery says about one copy's last recovery.
type recoveryAnswer struct {
	Shard   int    `json:"id"`
	Type    string `json:"type"`
	Stage   string `json:"stage"`
	Primary bool   `json:"primary"`
	Start   int64  `json:"start_time_in_millis"`
	Stop    int64  `json:"stop_time_in_millis"`
	Source  struct {
		Name string `json:"name"`
	} `json:"source"`
	Target struct {
		Name string `json:"name"`
	} `json:"target"`
	Index struct {
		Size struct {
			Total     int64 `json:"total_in_bytes"`
			Reused    int64 `json:"reused_in_bytes"`
			Recovered int64 `json:"recovered_in_bytes"`
		} `json:"size"`
		Files struct {
			Recovered int64 `json:"recovered"`
		} `json:"files"`
	} `json:"index"`
	Translog struct {
		Recovered int64 `json:"recovered"`
	} `json:"translog"`
}

type recoveriesSeen struct {
	at      time.Duration
	wall    time.Time // at the same moment
	byIndex map[string]struct{ Shards []recoveryAnswer }
}

// pollRecoveries asks the authoritative node while something recovers and a little
// longer. The question goes on to all nodes of its cluster state; one that is silent
// there makes it time out, and until it has been removed nothing can be said.
func (o *observer) pollRecoveries(ctx context.Context) {
	every(ctx, fixed(pollRecovery), func(limited context.Context) {
		now := o.cluster.clock.Monotonic()
		if now-time.Duration(o.moving.Load()) > recoveryTail {
			return
		}
		seen := recoveriesSeen{}
		if err := o.cluster.rest.get(limited, o.cluster.url(*o.authority.Load())+recoveryQuery, &seen.byIndex); err != nil {
			return
		}
		seen.at, seen.wall = o.cluster.clock.Monotonic(), o.cluster.clock.Now()
		o.tell(ctx, seen)
	})
}

func (o *observer) takeRecoveries(a recoveriesSeen) {
	if o.current == nil {
		return
	}
	var indices []string
	for index := range a.byIndex {
		indices = append(indices, index)
	}
	slices.Sort(indices)
	for _, index := range indices {
		for _, answer := range a.byIndex[index].Shards {
			o.takeRecovery(a, index, answer)
		}
	}
}

func (o *observer) takeRecovery(a recoveriesSeen, index string, answer recoveryAnswer) {
	id, relocation := o.targetID(shardID{index, answer.Shard}, answer.Target.Name)
	if id == "" {
		return // a copy that the current state does not know (yet or any more)
	}
	r := observed.Recovery{
		Index: index, Shard: answer.Shard, ID: id, Primary: answer.Primary, Kind: answer.kind(),
		From: answer.Source.Name, To: answer.Target.Name, Reason: answer.reason(relocation || o.relocate[id]), Stage: answer.Stage,
		BytesTotal: answer.Index.Size.Total - answer.Index.Size.Reused, Bytes: answer.Index.Size.Recovered, Ops: answer.Translog.Recovered,
		Start: a.at - a.wall.Sub(o.cluster.toldBy(answer.Target.Name, answer.Start)),
	}
	if answer.Stop > 0 && answer.Stage == "DONE" {
		r.Stop = a.at - a.wall.Sub(o.cluster.toldBy(answer.Target.Name, answer.Stop))
	} else {
		o.moving.Store(int64(a.at))
	}
	before, known := o.known[id]
	if known {
		r.Start = before.Start // the clocks are read anew each time: keep the first
		if before.Stop != 0 {
			r.Stop = before.Stop
		}
		if before == r || before.Failed {
			return
		}
	}
	o.known[id] = r
	o.sink(observed.Observation{At: a.at, Sight: r})
}

// targetID is the allocation id of the copy of a shard on a node, also while it is the
// target of a relocation, and whether it is that.
func (o *observer) targetID(shard shardID, node string) (id string, relocation bool) {
	for _, c := range o.current.shards[shard] {
		switch node {
		case c.Node:
			return c.ID, false
		case c.To:
			return o.current.relocations[c.ID], true
		}
	}
	return "", false
}

// kind tells how the copy got its data, "" while that is open.
func (r recoveryAnswer) kind() string {
	switch {
	case r.Type != "PEER":
		return "local"
	case r.Index.Files.Recovered > 0 || r.Index.Size.Total > r.Index.Size.Reused:
		return "files"
	case r.Stage == "INIT" || r.Stage == "INDEX":
		return ""
	default:
		return "ops"
	}
}

func (r recoveryAnswer) reason(relocation bool) string {
	switch {
	case relocation || r.Type == "PEER" && r.Primary:
		return "relocation"
	case r.Type == "PEER":
		return "replica"
	case r.Type == "EMPTY_STORE":
		return "empty store"
	case r.Type == "EXISTING_STORE":
		return "store"
	default:
		return r.Type
	}
}

// failLostRecoveries ends recoveries whose copy has vanished before they were done.
func (o *observer) failLostRecoveries(at time.Duration) {
	present := map[string]bool{}
	for _, copies := range o.current.shards {
		for _, c := range copies {
			present[c.ID] = true
			present[o.current.relocations[c.ID]] = true
		}
	}
	var lost []string
	for id, r := range o.known {
		if r.Stop == 0 && !present[id] {
			lost = append(lost, id)
		}
	}
	slices.Sort(lost)
	for _, id := range lost {
		r := o.known[id]
		r.Failed, r.Stop = true, at
		o.known[id] = r
		o.sink(observed.Observation{At: at, Sight: r})
	}
}
