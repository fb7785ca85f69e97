package machine

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/shardquake/shardquake/scenarios/observed"
)

const (
	every = time.Second
	// window is over how many readings a spell is looked at.
	window = 10
	// stall is from how long on a pause is one in which the machine stood still.
	stall = time.Second
	// step is from when on the wall clock has jumped and not drifted.
	step = 500 * time.Millisecond
)

// From these on a figure may explain why things took long.
const (
	waited     = 0.6 // of the time, for a processor
	waitedDisk = 0.2 // of the time, everybody, for the disk
	waitedMem  = 0.05
	stolenMost = 0.1
	slowDisk   = 100.0 // ms for an operation
	fewestIOs  = 20
	littleLeft = 0.03 // of the memory
)

// Watch follows the machine.
type Watch struct {
	proc string
	stop context.CancelFunc
	done chan struct{}

	mu   sync.Mutex
	book book
}

// Start begins to watch, until Stop.
func Start(ctx context.Context) *Watch {
	w := &Watch{proc: "/proc", done: make(chan struct{})}
	ctx, w.stop = context.WithCancel(context.WithoutCancel(ctx))
	go w.run(ctx)
	return w
}

// Stop ends the watch.
func (w *Watch) Stop() {
	w.stop()
	<-w.done
}

func (w *Watch) run(ctx context.Context) {
	defer close(w.done)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		w.look(time.Now())
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (w *Watch) look(now time.Time) {
	r := read(w.proc)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.book.add(now, r)
}

// Begin forgets what was before: the run begins now.
func (w *Watch) Begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.book = book{}
}

// Report is what the machine did since.
func (w *Watch) Report() observed.Machine {
	w.look(time.Now())
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.book.report(runtime.NumCPU())
}

// book keeps the first reading, the last ones, and the worst of the spells.
type book struct {
	first, last reading
	began, at   time.Time
	recent      []moment
	worst       spell
	steps       []time.Duration
	still       time.Duration
	load        float64
	available   float64
	looks       int
}

type moment struct {
	at time.Time
	r  reading
}

// spell is what happened between two readings, as parts of the time.
type spell struct {
	cpu, io, memory, stolen float64
	diskMs                  float64
}

func between(a, b moment) spell {
	took := b.at.Sub(a.at).Seconds()
	if took <= 0 {
		return spell{}
	}
	s := spell{cpu: (b.r.cpu.some - a.r.cpu.some) / took, io: (b.r.io.full - a.r.io.full) / took, memory: (b.r.memory.full - a.r.memory.full) / took}
	if ticks := b.r.ticks - a.r.ticks; ticks > 0 {
		s.stolen = (b.r.stolen - a.r.stolen) / ticks
	}
	if ios := b.r.ios - a.r.ios; ios >= fewestIOs {
		s.diskMs = (b.r.ioTime - a.r.ioTime) / ios
	}
	return s
}

func (b *book) add(now time.Time, r reading) {
	b.looks++
	if b.looks == 1 {
		b.first, b.began, b.available = r, now, r.available
	} else {
		b.passed(now.Round(0).Sub(b.at.Round(0)), now.Sub(b.at))
	}
	b.last, b.at = r, now
	b.load, b.available = max(b.load, r.load), min(b.available, r.available)
	b.recent = append(b.recent, moment{now, r})
	if len(b.recent) > window {
		b.recent = b.recent[1:]
		s := between(b.recent[0], b.recent[window-1])
		b.worst.cpu, b.worst.io, b.worst.memory = max(b.worst.cpu, s.cpu), max(b.worst.io, s.io), max(b.worst.memory, s.memory)
		b.worst.stolen, b.worst.diskMs = max(b.worst.stolen, s.stolen), max(b.worst.diskMs, s.diskMs)
	}
}

// passed compares what the wall clock says has passed since the last reading with what has.
func (b *book) passed(wall, passed time.Duration) {
	if jump := wall - passed; jump > step || jump < -step {
		b.steps = append(b.steps, jump)
	}
	if late := passed - every; late > stall {
		b.still += late
	}
}

// report sums the book up, for a machine with so many processors.
func (b *book) report(cpus int) observed.Machine {
	var m observed.Machine
	if b.looks < 2 {
		return m
	}
	all := between(moment{b.began, b.first}, moment{b.at, b.last})
	worst := b.worst
	if b.looks <= window { // one short spell
		worst = all
	}
	tell := func(strained bool, format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		m.Told = append(m.Told, text)
		if strained {
			m.Strained = append(m.Strained, text)
		}
	}
	if b.last.known["pressure/cpu"] {
		tell(worst.cpu >= waited, "tasks waited for one of %d processors %.0f %% of the time, %.0f %% in the worst ten seconds; load up to %.1f", cpus, 100*all.cpu, 100*worst.cpu, b.load)
	} else if b.last.known["loadavg"] {
		tell(b.load > 2*float64(cpus), "load up to %.1f on %d processors", b.load, cpus)
	}
	if b.last.known["stat"] {
		tell(worst.stolen >= stolenMost, "%.1f %% of the processors' time was stolen, %.1f %% in the worst ten seconds", 100*all.stolen, 100*worst.stolen)
	}
	if b.last.known["pressure/io"] {
		tell(worst.io >= waitedDisk, "everybody waited for the disk %.1f %% of the time, %.1f %% in the worst ten seconds", 100*all.io, 100*worst.io)
	}
	if worst.diskMs > 0 {
		tell(worst.diskMs >= slowDisk, "an operation took the disks %.1f ms, %.1f ms in the worst ten seconds", all.diskMs, worst.diskMs)
	}
	if b.last.known["meminfo"] {
		killed := b.last.killed - b.first.killed
		tell(killed > 0 || b.available < littleLeft || worst.memory >= waitedMem, "at least %.0f %% of the memory was available; %.0f processes were killed for want of it; everybody waited for it %.1f %% of the time", 100*b.available, killed, 100*all.memory)
	}
	if b.still > 0 {
		tell(true, "nothing ran at all for %s", b.still.Round(time.Millisecond))
	}
	for _, s := range b.steps {
		tell(true, "the wall clock jumped by %s", s.Round(time.Millisecond))
	}
	return m
}
