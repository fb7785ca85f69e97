package sim

import (
	"errors"
	"fmt"
	"time"
)

// ErrDiskFull is returned when a disk has no room for an allocation.
var ErrDiskFull = errors.New("sim: no space left on disk")

// DiskSpec describes a disk. Throughputs are in bytes per second; 0 is unlimited.
type DiskSpec struct {
	Capacity int64
	Read     int64
	Write    int64
}

// Disk has space, used by named owners, and throughput, shared on a [Fluid].
type Disk struct {
	name     string
	capacity int64
	used     int64 // by owners, without ballast
	ballast  int64
	owners   map[string]int64

	// Read and Write are the disk's throughput, for flows to pass.
	Read, Write *Resource

	built DiskSpec
	delay time.Duration
}

// underWay is how many bytes of large reads and writes a disk has under way at once: with a
// delay of each access it bounds the throughput.
const underWay = 4 << 20

// Slow makes every access take longer by delay and bounds the throughput, in bytes per
// second; 0 and 0 make the disk as it was built.
func (d *Disk) Slow(delay time.Duration, rate int64) {
	d.delay = delay
	limit := func(built int64) int64 {
		for _, bound := range []int64{rate, perDelay(delay)} {
			if bound > 0 && (built == 0 || bound < built) {
				built = bound
			}
		}
		return built
	}
	d.Read.SetCapacity(limit(d.built.Read))
	d.Write.SetCapacity(limit(d.built.Write))
}

// perDelay is the throughput of accesses that all take so long; 0: unlimited.
func perDelay(delay time.Duration) int64 {
	if delay <= 0 {
		return 0
	}
	return max(1, int64(float64(underWay)/delay.Seconds()))
}

// Delay is what every access takes longer than it did on the disk as it was built.
func (d *Disk) Delay() time.Duration { return d.delay }

// Share is the part of the disk's time that an access takes up with the others that are
// under way.
func (d *Disk) Share(access time.Duration) time.Duration {
	return access + d.delay/(underWay>>17) // of 128 KiB each
}

// NewDisk makes an empty disk whose throughput is on f.
func (f *Fluid) NewDisk(name string, spec DiskSpec) *Disk {
	return &Disk{
		name:     name,
		capacity: spec.Capacity,
		owners:   make(map[string]int64),
		built:    spec,
		Read:     f.Resource(name+"/read", spec.Read),
		Write:    f.Resource(name+"/write", spec.Write),
	}
}

// Name is the disk's name.
func (d *Disk) Name() string { return d.name }

// Total is the capacity in bytes.
func (d *Disk) Total() int64 { return d.capacity }

// Used is the bytes in use, ballast included.
func (d *Disk) Used() int64 { return d.used + d.ballast }

// Free is the bytes not in use.
func (d *Disk) Free() int64 { return d.capacity - d.used - d.ballast }

// UsedBy is the bytes that an owner has allocated.
func (d *Disk) UsedBy(owner string) int64 { return d.owners[owner] }

// Alloc takes bytes for owner, or returns ErrDiskFull and takes none.
func (d *Disk) Alloc(owner string, bytes int64) error {
	if bytes < 0 {
		return fmt.Errorf("sim: disk %s: negative allocation of %d bytes for %s", d.name, bytes, owner)
	}
	if bytes > d.Free() {
		return fmt.Errorf("disk %s: %d bytes for %s, %d free: %w", d.name, bytes, owner, d.Free(), ErrDiskFull)
	}
	d.used += bytes
	d.owners[owner] += bytes
	return nil
}

// Release gives back up to bytes of owner and returns how many it gave back.
func (d *Disk) Release(owner string, bytes int64) int64 {
	bytes = min(max(bytes, 0), d.owners[owner])
	d.used -= bytes
	if d.owners[owner] -= bytes; d.owners[owner] == 0 {
		delete(d.owners, owner)
	}
	return bytes
}

// ReleaseAll gives back everything that owner has and returns how much that was.
func (d *Disk) ReleaseAll(owner string) int64 { return d.Release(owner, d.owners[owner]) }

// Fill puts ballast on the disk until the given percentage of it is in use, and
// returns the size of the ballast. It replaces an earlier ballast; if more is in
// use already, there is none.
func (d *Disk) Fill(percent float64) int64 {
	want := int64(float64(d.capacity) * min(max(percent, 0), 100) / 100)
	d.ballast = max(min(want, d.capacity)-d.used, 0)
	return d.ballast
}

// DropBallast removes what Fill put there.
func (d *Disk) DropBallast() { d.ballast = 0 }

// Ballast is the size of what Fill put there.
func (d *Disk) Ballast() int64 { return d.ballast }
