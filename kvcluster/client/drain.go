package client

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// Undrained says what keeps a node from holding nothing, given the answer to a GetState:
// what it still holds, and why that can't go elsewhere if it can't. Nothing means that it is
// drained.
func Undrained(r *wire.AdminResult, id shardmap.NodeID) []string {
	var why []string
	s := r.State
	if len(r.Health) == 0 {
		why = append(why, "no leader of the metadata group answers: nobody moves anything")
	}
	for i := range s.Shards {
		sh := &s.Shards[i]
		if sh.HasReplica(id) {
			why = append(why, heldBack(r, sh, id))
		}
	}
	for i := range s.Members {
		if m := &s.Members[i]; m.ID == id && m.Role != wire.NoVoter {
			why = append(why, fmt.Sprintf("it is a %s of the metadata group, whose %d seats %d other nodes could take", m.Role, s.Settings.Voters, able(r, id)))
		}
	}
	return why
}

// heldBack is why a copy is still where it is.
func heldBack(r *wire.AdminResult, sh *shardmap.Shard, id shardmap.NodeID) string {
	var taken, closed, free []string
	for i := range r.State.Members {
		m := &r.State.Members[i]
		switch {
		case m.ID == id || m.State == wire.Removed:
		case sh.HasReplica(m.ID):
			taken = append(taken, string(m.ID))
		case m.Down:
			closed = append(closed, string(m.ID)+" is down")
		case m.State != wire.Active:
			closed = append(closed, fmt.Sprintf("%s is %s", m.ID, m.State))
		default:
			free = append(free, string(m.ID))
		}
	}
	if len(free) > 0 {
		return fmt.Sprintf("a copy of %s is to go to another node (%s could take it)", sh.ID, strings.Join(free, ", "))
	}
	text := fmt.Sprintf("a copy of %s has no place to go: of its %d copies each needs a node of its own", sh.ID, len(sh.Replicas))
	if len(taken) > 0 {
		text += fmt.Sprintf("; %s has one already", strings.Join(taken, ", "))
	}
	for _, c := range closed {
		text += "; " + c
	}
	return text
}

// able counts the nodes beside one that could have a seat in the metadata group.
func able(r *wire.AdminResult, id shardmap.NodeID) (n int) {
	for i := range r.State.Members {
		if m := &r.State.Members[i]; m.ID != id && m.State == wire.Active && !m.Down {
			n++
		}
	}
	return n
}

// Drain lets everything that a node holds move away, or ends that. What keeps it from being
// done, as far as is known now, is the result; DrainedYet asks again.
func (db *DB) Drain(ctx context.Context, id shardmap.NodeID, drain bool) ([]string, error) {
	to := wire.Active
	if drain {
		to = wire.Draining
	}
	if _, err := db.command(ctx, wire.Command{Kind: wire.SetNodeState, Node: id, State: to}); err != nil || !drain {
		return nil, err
	}
	return db.DrainedYet(ctx, id)
}

// DrainedYet is what keeps a node from holding nothing; nothing does if it is drained.
func (db *DB) DrainedYet(ctx context.Context, id shardmap.NodeID) ([]string, error) {
	ctx, cancel := db.clk.WithTimeout(ctx, db.cfg.Timeout)
	defer cancel()
	r, err := db.command(ctx, wire.Command{Kind: wire.GetState})
	if err != nil {
		return nil, err
	}
	known := r.State != nil && slices.ContainsFunc(r.State.Members, func(m wire.Member) bool { return m.ID == id })
	if !known {
		return nil, fmt.Errorf("node %q: %w: the cluster knows no such node", id, ErrInvalid)
	}
	return Undrained(r, id), nil
}
