package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progress tells a person what goes on: one line that is written over on a terminal,
// plain lines elsewhere.
type progress struct {
	out      io.Writer
	terminal bool
	quiet    bool
	start    time.Time

	mu    sync.Mutex
	shown bool
}

func newProgress(out io.Writer, quiet bool) *progress {
	return &progress{out: out, terminal: isTerminal(out), quiet: quiet, start: time.Now()}
}

func (p *progress) line(format string, args ...any) {
	if p.quiet {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	text := fmt.Sprintf("[%6.1fs] ", time.Since(p.start).Seconds()) + fmt.Sprintf(format, args...)
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K"+text)
		p.shown = true
		return
	}
	fmt.Fprintln(p.out, text)
}

// done takes the line off a terminal.
func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
