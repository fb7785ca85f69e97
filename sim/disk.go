package sim

import (
	"errors"
	"fmt"
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
}

// NewDisk makes an empty disk whose throughput is on f.
func (f *Fluid) NewDisk(name string, spec DiskSpec) *Disk {
	return &Disk{
		name:     name,
		capacity: spec.Capacity,
		owners:   make(map[string]int64),
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
