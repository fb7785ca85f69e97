package replica

import (
	"errors"

	"github.com/shardquake/shardquake/kvcluster/storage"
)

// broken ends the use of content that can't be read: if it is corrupt, it is thrown
// away and fetched anew, otherwise the copy has failed.
func (c *Core) broken(err error) {
	if !errors.Is(err, storage.ErrCorrupt) {
		c.fail(err)
		return
	}
	c.stepDown()
	b := c.wipe()
	c.apply(&b)
	c.out.Events = append(c.out.Events, Event{Kind: Damaged, Shard: c.shard.ID, Epoch: c.promised, Err: err})
}

// wipe forgets everything but the promise. The copy has acknowledged what it hasn't got
// any more: until it has all that the primary has, it counts for nothing.
func (c *Core) wipe() (b storage.Batch) {
	for _, prefix := range [][]byte{c.keys.log, c.keys.state} {
		b.DeleteRange(prefix, storage.PrefixEnd(prefix))
	}
	for _, n := range sortedKeys(c.snapshots) {
		c.closeSnapshot(n)
	}
	c.durable = durable{promised: c.promised, gen: c.gen + 1, life: c.life, damaged: true}
	c.commit, c.verified, c.fetch = 0, 0, fetch{}
	c.resetState()
	c.saveMeta(&b)
	return b
}

// ofLife reports whether a message is about the shard that this is a copy of, and not about
// an earlier one of its name. If it is about a later one, what is here is of no more use.
func (c *Core) ofLife(life uint64) bool {
	if life > c.life {
		c.begin(life)
	}
	return c.failed == nil && (life == 0 || life == c.life)
}

// begin makes the copy an empty one of another shard of the same name. Promises hold on:
// epochs go on growing.
func (c *Core) begin(life uint64) {
	c.stepDown()
	b := c.wipe()
	c.damaged, c.life = false, life
	c.saveMeta(&b)
	c.apply(&b)
}

// endRepair ends the repair: the log reaches as far as the primary's did.
func (c *Core) endRepair() {
	if !c.damaged {
		return
	}
	c.damaged = false
	var b storage.Batch
	c.saveMeta(&b)
	if !c.tryApply(&b) {
		c.damaged = true
		return
	}
	c.event(Repaired, c.promised)
}

// reload reads what another core has written for this one.
func (c *Core) reload() {
	before := c.life
	if err := c.load(); err != nil {
		c.fail(err)
		return
	}
	if c.life != before {
		c.stepDown() // what it was doing it did for an earlier shard of the name
	}
	c.wantSync()
	c.fetch = fetch{}
	if c.role == Fencing || c.role == Adopting {
		c.startFencing()
	}
}
