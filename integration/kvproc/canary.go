package kvproc

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	// canaryEvery is how often it is tried whether the machine runs.
	canaryEvery = 250 * time.Millisecond
	// stall is from how long on a pause and a little write stand for a machine that stood
	// still: nodes that stand still so long are taken for lost by others.
	stall = time.Second
)

// canary notices when the machine stands still, whoever keeps its processors or its disk: a
// pause and a small synced write take much longer then. What nodes do meanwhile says nothing
// of them.
type canary struct {
	file *os.File
	done chan struct{}
	stop context.CancelFunc

	mu           sync.Mutex
	total, worst time.Duration
}

// watchMachine starts one that writes to a folder.
func watchMachine(ctx context.Context, folder string) (*canary, error) {
	file, err := os.OpenFile(filepath.Join(folder, "canary"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	c := &canary{file: file, done: make(chan struct{})}
	ctx, c.stop = context.WithCancel(ctx)
	go c.run(ctx)
	return c, nil
}

func (c *canary) run(ctx context.Context) {
	defer close(c.done)
	for ctx.Err() == nil {
		began := time.Now()
		select {
		case <-time.After(canaryEvery):
		case <-ctx.Done():
			return
		}
		if _, err := c.file.WriteAt([]byte{1}, 0); err != nil {
			return // the folder is being removed
		}
		if err := c.file.Sync(); err != nil {
			return
		}
		c.took(time.Since(began) - canaryEvery)
	}
}

// took notes how much longer a turn took than it should.
func (c *canary) took(late time.Duration) {
	if late < stall {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total += late
	c.worst = max(c.worst, late)
}

// stalled is how long the machine stood still in all, and at the most.
func (c *canary) stalled() (total, worst time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total, c.worst
}

// note says so, "" if it didn't.
func (c *canary) note() string {
	total, worst := c.stalled()
	if total == 0 {
		return ""
	}
	return fmt.Sprintf("this machine stood still for %s in all, %s at the longest: its processors or its disk were busy otherwise, and times contain that",
		total.Round(time.Millisecond), worst.Round(time.Millisecond))
}

func (c *canary) close() {
	c.stop()
	<-c.done
	_ = c.file.Close()
}
