package tail

import (
	"fmt"

	"github.com/shardquake/shardquake/kvcluster/storage"
)

// Slots are the two places on a disk that a tail is written to in turn.
type Slots interface {
	// Read is the content of a slot, 0 or 1; nil if there is none.
	Read(slot int) ([]byte, error)
	// Begin makes the next Append write to the front of a slot. What stood behind may stay.
	Begin(slot int) error
	// Append adds to the slot that was begun last. On error nothing was added.
	Append(p []byte) error
}

// Position is where an engine stands: the number of its last batch, and the generation
// in which that was written.
type Position struct{ Number, Generation uint64 }

// Found is what a tail knows beyond the log.
type Found struct {
	// Batches follow the log's last one, in order.
	Batches [][]storage.Op
	// Durable is the number up to which everything is known to have been durable.
	Durable uint64
	// Generation is the highest that was seen; an engine goes on with a higher one.
	Generation uint64
	// Older is the slot that has less to say.
	Older int
}

// Recover reads what the slots have beyond a position. It returns storage.ErrLost, with what
// was found, when something is missing that was durable.
func Recover(s Slots, at Position) (Found, error) {
	found := Found{Generation: at.Generation}
	best := make(map[uint64]Record) // by number, of the highest generation
	var last [2]uint64
	for slot := range last {
		data, err := s.Read(slot)
		if err != nil {
			return found, fmt.Errorf("tail: %w", err)
		}
		Scan(data, func(r Record) {
			found.Durable = max(found.Durable, r.Durable)
			found.Generation = max(found.Generation, r.Generation)
			last[slot] = max(last[slot], r.Number)
			if was, ok := best[r.Number]; !ok || r.Generation > was.Generation {
				best[r.Number] = r
			}
		})
	}
	if last[1] < last[0] {
		found.Older = 1
	}
	next, generation := at.Number+1, at.Generation
	for {
		r, ok := best[next]
		if !ok || r.Generation < generation {
			break
		}
		found.Batches = append(found.Batches, r.Ops)
		next, generation = next+1, r.Generation
	}
	if next-1 < found.Durable {
		return found, fmt.Errorf("%w: batch %d had been synced, only %d of %d can be read", storage.ErrLost, found.Durable, next-1, found.Durable)
	}
	return found, nil
}

// Tail is a tail that is being written.
type Tail struct {
	slots      Slots
	slot       int
	used, size int64
	first      uint64 // batch of the present slot
	generation uint64
}

// Begin begins a generation in the older slot. What Recover found must be durable in the
// log. Size is how many bytes go to a slot.
func Begin(s Slots, found Found, size int64) (*Tail, error) {
	t := &Tail{slots: s, slot: found.Older, size: size, generation: found.Generation + 1}
	if err := s.Begin(t.slot); err != nil {
		return nil, fmt.Errorf("tail: %w", err)
	}
	return t, nil
}

// Generation is the present one.
func (t *Tail) Generation() uint64 { return t.generation }

// Append adds a batch. Durable is the number up to which everything is durable. On error
// nothing was added.
func (t *Tail) Append(number, durable uint64, ops []storage.Op) error {
	buf, err := Append(nil, &Record{Number: number, Generation: t.generation, Durable: durable, Ops: ops})
	if err != nil {
		return err
	}
	return t.Add(number, durable, buf)
}

// Add adds a batch that is encoded already, as a record of the present generation.
//
// The other slot is begun only when something of the present one is durable: until then the
// other is all that testifies to what was. So a slot grows beyond its size while much is
// written between two syncs.
func (t *Tail) Add(number, durable uint64, buf []byte) error {
	if t.used > 0 && t.used+int64(len(buf)) > t.size && durable >= t.first {
		if err := t.slots.Begin(1 - t.slot); err != nil {
			return fmt.Errorf("tail: %w", err)
		}
		t.slot, t.used = 1-t.slot, 0
	}
	if err := t.slots.Append(buf); err != nil {
		return fmt.Errorf("tail: %w", err)
	}
	if t.used == 0 {
		t.first = number
	}
	t.used += int64(len(buf))
	return nil
}
