package kvproc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/kvcluster/node"
)

// process is a node's process, or where it was and will be.
type process struct {
	name, folder, data string
	disk               int64
	command            []string
	happened           func(name string, life int, e node.Event)

	mu      sync.Mutex // one change at a time
	run     *run
	lives   int // how often it was started
	pausing bool

	told sync.Mutex // guards died
	died []string   // its ends that nobody asked for
}

// run is one life of a process.
type run struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error       // once ended is closed
	asked atomic.Bool // somebody wants it to end
}

func (c *Cluster) process(name string) (*process, error) {
	p := c.nodes[name]
	if p == nil {
		return nil, fmt.Errorf("no node %q: there are %v", name, c.names)
	}
	return p, nil
}

func (p *process) alive() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.living()
}

func (p *process) living() bool {
	if p.run == nil {
		return false
	}
	select {
	case <-p.run.ended:
		return false
	default:
		return true
	}
}

// Start starts a node's process on its old disk and returns when it listens.
func (c *Cluster) Start(ctx context.Context, name string) error {
	p, err := c.process(name)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.living() {
		return fmt.Errorf("node %s runs already", name)
	}
	if err := p.start(ctx); err != nil {
		return fmt.Errorf("starting node %s: %w\n%s", name, err, p.tail())
	}
	return nil
}

func (p *process) start(ctx context.Context) error {
	log, err := os.OpenFile(filepath.Join(p.folder, logFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the process has its own
	cmd := exec.Command(p.command[0], p.command[1:]...)
	cmd.Stderr, cmd.SysProcAttr = log, attributes()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	r := &run{cmd: cmd, ended: make(chan struct{})}
	p.run, p.pausing, p.lives = r, false, p.lives+1
	listens, life := make(chan struct{}), p.lives
	go func() {
		p.read(out, life, listens)
		r.err = cmd.Wait()
		if !r.asked.Load() {
			p.told.Lock()
			p.died = append(p.died, fmt.Sprintf("node %s died at %s UTC: %v", p.name, time.Now().UTC().Format("15:04:05"), endText(r.err)))
			p.told.Unlock()
		}
		close(r.ended)
	}()
	select {
	case <-listens:
		return nil
	case <-r.ended:
		return fmt.Errorf("it ended: %w", r.err)
	case <-ctx.Done():
		return errors.Join(ctx.Err(), p.end())
	case <-time.After(startTimeout):
		return errors.Join(fmt.Errorf("it doesn't listen after %v", startTimeout), p.end())
	}
}

// read reads what the process prints: that it listens, then events.
func (p *process) read(out io.Reader, life int, listens chan<- struct{}) {
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); err == nil && strings.Contains(line, "listens") {
		close(listens)
	}
	for events := json.NewDecoder(lines); ; {
		var e node.Event
		if err := events.Decode(&e); err != nil {
			break
		}
		p.happened(p.name, life, e)
	}
	_, _ = io.Copy(io.Discard, lines)
}

// endText says how a process ended.
func endText(err error) string {
	if err == nil {
		return "it ended by itself"
	}
	return err.Error()
}

// Died are the ends of processes that nobody asked for.
func (c *Cluster) Died() []string {
	var out []string
	for _, name := range c.names {
		p := c.nodes[name]
		p.told.Lock()
		out = append(out, p.died...)
		p.told.Unlock()
	}
	return out
}

// end kills the process and waits for its end.
func (p *process) end() error {
	if !p.living() {
		return nil
	}
	p.run.asked.Store(true)
	if err := p.run.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.run.ended:
		return nil
	case <-time.After(stopTimeout):
		return fmt.Errorf("node %s lives on after SIGKILL", p.name)
	}
}

func (p *process) kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.end()
}

// Kill ends a node's process with SIGKILL, paused or not.
func (c *Cluster) Kill(_ context.Context, name string) error {
	p, err := c.process(name)
	if err != nil {
		return err
	}
	if !p.alive() {
		return fmt.Errorf("node %s doesn't run", name)
	}
	return p.kill()
}

// Stop sends SIGTERM and waits until the node has ended by itself.
func (c *Cluster) Stop(ctx context.Context, name string) error {
	p, err := c.process(name)
	if err != nil {
		return err
	}
	r, err := p.signal(syscall.SIGTERM)
	if err != nil {
		return err
	}
	select {
	case <-r.ended:
		if r.err != nil {
			return fmt.Errorf("node %s: %w\n%s", name, r.err, p.tail())
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(stopTimeout):
		return errors.Join(fmt.Errorf("node %s did not end within %v of SIGTERM and was killed", name, stopTimeout), p.kill())
	}
}

// signal sends a signal to the process and returns its present life.
func (p *process) signal(s syscall.Signal) (*run, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.living() {
		return nil, fmt.Errorf("node %s doesn't run", p.name)
	}
	if s == syscall.SIGTERM {
		p.run.asked.Store(true)
	}
	if err := p.run.cmd.Process.Signal(s); err != nil {
		return nil, fmt.Errorf("node %s: %v: %w", p.name, s, err)
	}
	switch s {
	case freeze:
		p.pausing = true
	case thaw:
		p.pausing = false
	}
	return p.run, nil
}

// Pause freezes a node's process; the kernel keeps its connections open.
func (c *Cluster) Pause(ctx context.Context, name string) error {
	p, err := c.process(name)
	if err != nil {
		return err
	}
	r, err := p.signal(freeze)
	if err != nil {
		return err
	}
	return awaitFrozen(ctx, r.cmd.Process.Pid)
}

// Resume lets a paused process go on.
func (c *Cluster) Resume(_ context.Context, name string) error {
	p, err := c.process(name)
	if err != nil {
		return err
	}
	_, err = p.signal(thaw)
	return err
}

// State is whether a node's process runs.
func (c *Cluster) State(_ context.Context, name string) (chaos.ProcessState, error) {
	p, err := c.process(name)
	if err != nil {
		return chaos.Exited, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !p.living():
		return chaos.Exited, nil
	case p.pausing:
		return chaos.Paused, nil
	}
	return chaos.Running, nil
}

// tailBytes is how much of a node's log an error quotes.
const tailBytes = 2000

// Log is the end of what a node has logged.
func (c *Cluster) Log(name string) string {
	p, err := c.process(name)
	if err != nil {
		return err.Error()
	}
	return p.tail()
}

func (p *process) tail() string {
	text, err := os.ReadFile(filepath.Join(p.folder, logFile))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-tailBytes):])
}
