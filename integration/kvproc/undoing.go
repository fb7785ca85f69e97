package kvproc

import (
	"context"
	"os"
	"path/filepath"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/chaos/journal"
	"github.com/shardquake/shardquake/integration/lease"
	"github.com/shardquake/shardquake/integration/links"
	"github.com/shardquake/shardquake/integration/undo"
)

// beginJournal begins the journal, where one is asked for, and starts the agent of the leases, a
// process beside those of the nodes.
func (c *Cluster) beginJournal(ctx context.Context, name, path string) (*lease.Keeper, error) {
	agent, err := lease.Spawn(ctx, c.opt.Command[0], lease.DefaultTTL)
	if err != nil {
		return nil, err
	}
	var j *journal.Journal
	if path != "" {
		if j, err = journal.Create(path, name); err != nil {
			return nil, err
		}
	}
	return lease.NewKeeper(j, agent, lease.DefaultTTL), nil
}

// undoing is how the processes are undone from outside. The proxies are in the process that
// began, and on Linux the nodes end with it: then nothing of a cut or a killed node is left.
type undoing struct{ *Cluster }

// OfLink implements [leased.Steps].
func (u undoing) OfLink(from, to string) []journal.Step {
	var out []journal.Step
	self := undo.Process(os.Getpid())
	for _, key := range []links.Key{{From: from, To: to}, {From: to, To: from}} {
		if u.Has(key) {
			out = append(out, journal.Step{Proxy: &journal.Proxy{API: []string{u.server.Address()}, Name: key.Name(), Within: &self}})
		}
	}
	return out
}

// OfProcess implements [leased.Steps]: a node that was killed belongs to the process that
// began; one that is paused goes on.
func (u undoing) OfProcess(node string) []journal.Step {
	p := u.nodes[node]
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.living() {
		return nil
	}
	process := undo.Process(p.run.cmd.Process.Pid)
	return []journal.Step{{Continue: &process}}
}

// OfDisk implements [leased.Steps].
func (u undoing) OfDisk(node string) []journal.Step {
	return []journal.Step{{Remove: filepath.Join(u.nodes[node].data, ballastFile)}}
}

// OfSettings implements [leased.Steps]: nodes of this system have none that faults set.
func (undoing) OfSettings(chaos.Scope, map[string]string) []journal.Step { return nil }
