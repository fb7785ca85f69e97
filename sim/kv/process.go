package kv

import (
	"time"

	"github.com/shardquake/shardquake/sim"
)

// process is what a machine's operating system knows of the program on it: whether it
// runs, whether it is stopped, and what waits for it to go on.
type process struct {
	engine  *sim.Engine
	up      bool
	paused  bool
	life    int      // another number for every process, so that what was its own ends with it
	backlog []func() // what came while it was paused
}

func (p *process) now() time.Duration { return p.engine.Now().Duration() }

// run does what concerns the process, when that runs.
func (p *process) run(f func()) {
	switch {
	case !p.up:
	case p.paused:
		p.backlog = append(p.backlog, f)
	default:
		f()
	}
}

// later is run after a time, unless the process has ended by then.
func (p *process) later(d time.Duration, what string, f func()) sim.Timer {
	life := p.life
	return p.engine.After(d, what, func() {
		if p.life == life {
			p.run(f)
		}
	})
}

func (p *process) pause() { p.paused = p.up }

func (p *process) resume() {
	p.paused = false
	backlog := p.backlog
	p.backlog = nil
	for _, f := range backlog {
		p.run(f)
	}
}

func (p *process) end() {
	p.up, p.paused, p.backlog = false, false, nil
	p.life++
}
