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
	c.durable = durable{promised: c.promised, gen: c.gen + 1, damaged: true}
	c.commit, c.verified, c.fetch = 0, 0, fetch{}
	c.resetState()
	c.saveMeta(&b)
	return b
}

// whole ends the repair: the log reaches as far as the primary's did.
func (c *Core) whole() {
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
	if err := c.load(); err != nil {
		c.fail(err)
		return
	}
	c.wantSync()
	c.fetch = fetch{}
	if c.role == Fencing || c.role == Adopting {
		c.startFencing()
	}
}
