package kvcmd

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

func newKVRecoverCommand(f *kvFlags) *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "recover --to FILE",
		Short: "After the loss of a majority: save what the nodes that are left hold",
		Long: `Recover reads every shard from the copies that still answer, without a majority, and writes
what it finds to a file for kv batch, which puts it into a new cluster. It changes nothing. For
each shard it says which copy it has read and what may be lost: a copy doesn't know what
others have acknowledged without it.`,
		Example: `  shardquake kv recover --to left.jsonl
  shardquake kv batch left.jsonl --nodes n1=127.0.0.1:7501,n2=127.0.0.1:7502,n3=127.0.0.1:7503`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to == "" {
				return exit.Usagef("--to is missing: the file to write")
			}
			return f.administer(cmd, func(ctx context.Context, a *kvAdmin) error {
				file, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
				if err != nil {
					return exit.Usage(err)
				}
				if err := a.recover(ctx, file, cmd.OutOrStdout()); err != nil {
					if info, e := file.Stat(); e == nil && info.Size() == 0 {
						err = errors.Join(err, os.Remove(to)) // nothing was found
					}
					return errors.Join(err, file.Close())
				}
				return file.Close()
			})
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "`file` to write, which must not be there yet")
	return cmd
}

// left is what a copy of a shard holds.
type left struct {
	node  shardmap.NodeID
	items []wire.Item
	last  uint64 // the latest version of a key in it
	err   error
}

// recover writes what is left of every shard, and says what may be lost.
func (a *kvAdmin) recover(ctx context.Context, file, out io.Writer) error {
	state, err := a.newest(ctx)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(file)
	lines := json.NewEncoder(w)
	total, lost := 0, 0
	for i := range state.Shards {
		sh := &state.Shards[i]
		best, silent := a.survivor(ctx, sh)
		fmt.Fprintf(out, "shard %s, from %s to %s: ", cell(string(sh.ID)), quoteKey(sh.Start, "the first key"), quoteKey(sh.End, "the last key"))
		if best == nil {
			lost++
			fmt.Fprintf(out, "LOST: no copy answers\n")
			printSilent(out, silent)
			continue
		}
		for _, item := range best.items {
			if err := lines.Encode(lineOf(item)); err != nil {
				return err
			}
		}
		total += len(best.items)
		fmt.Fprintf(out, "%d keys from %s, latest version %d\n", len(best.items), best.node, best.last)
		printSilent(out, silent)
		if len(silent) > 0 {
			fmt.Fprintf(out, "  may be lost: every write, and come back: every deletion, that was acknowledged by others before %s had it;\n", best.node)
			fmt.Fprintf(out, "  transactions under way may be there by half\n")
		}
	}
	fmt.Fprintf(out, "%d keys of %d shards written, as revision %d of the cluster has them\n", total, len(state.Shards)-lost, state.Revision)
	if err := w.Flush(); err != nil {
		return err
	}
	if lost > 0 {
		return &exit.Error{Code: exit.CodeFail, Err: fmt.Errorf("%d of %d shards have no copy that answers", lost, len(state.Shards))}
	}
	return nil
}

func printSilent(out io.Writer, silent []left) {
	for _, x := range silent {
		fmt.Fprintf(out, "  not read from %s: %v\n", x.node, x.err)
	}
}

// newest is the latest state of the cluster that a node remembers.
func (a *kvAdmin) newest(ctx context.Context) (*wire.ClusterState, error) {
	var newest *wire.ClusterState
	var why []string
	for _, name := range a.Machines() {
		r, err := a.Ask(ctx, name, &wire.Admin{Stale: true})
		switch {
		case err != nil:
			why = append(why, err.Error())
		case r.State == nil:
			why = append(why, fmt.Sprintf("node %s: %v: %s", name, r.Status, r.Reason))
		case newest == nil || r.State.Revision > newest.Revision:
			newest = r.State
		}
	}
	if newest == nil {
		return nil, &exit.Error{Code: exit.CodeUnavailable, Err: fmt.Errorf("no node remembers the cluster: %s", strings.Join(why, "; "))}
	}
	return newest, nil
}

// survivor is the copy of a shard that is furthest, as far as can be told, nil if none
// answers, with those that don't.
func (a *kvAdmin) survivor(ctx context.Context, sh *shardmap.Shard) (best *left, silent []left) {
	for _, id := range sh.Replicas {
		l := a.read(ctx, sh, id)
		switch {
		case l.err != nil:
			silent = append(silent, l)
		case best == nil || l.last > best.last || l.last == best.last && len(l.items) > len(best.items):
			best = &l
		}
	}
	return best, silent
}

// read reads all of a copy, as it is.
func (a *kvAdmin) read(ctx context.Context, sh *shardmap.Shard, id shardmap.NodeID) left {
	l := left{node: id}
	for start := sh.Start; ; {
		m, err := a.Send(ctx, id, &wire.Request{Kind: wire.Scan, Level: wire.One, Shard: sh.ID, Start: start, End: sh.End})
		if err != nil {
			l.err = err
			return l
		}
		r, ok := m.(*wire.Response)
		if !ok || r.Status != wire.OK {
			l.err = fmt.Errorf("machine %s answers %v", node.Machine(id), m)
			if ok {
				l.err = fmt.Errorf("%v: %s", r.Status, r.Reason)
			}
			return l
		}
		for _, item := range r.Items {
			l.last = max(l.last, item.Version)
		}
		l.items = append(l.items, r.Items...)
		if r.Next == "" || sh.End != "" && r.Next >= sh.End {
			return l
		}
		start = r.Next
	}
}
