package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

func newKVStatusCommand(f *kvFlags) *cobra.Command {
	asJSON, nodes := false, 0
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the nodes, the shards and the latest failovers",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.administer(cmd, func(ctx context.Context, a *kvAdmin) error {
				r, err := a.whole(ctx, nodes)
				if err != nil {
					return err
				}
				if asJSON {
					out := json.NewEncoder(cmd.OutOrStdout())
					out.SetIndent("", "  ")
					return out.Encode(struct {
						State  *wire.ClusterState
						Health []wire.NodeHealth
					}{r.State, r.Health})
				}
				return printStatus(cmd.OutOrStdout(), r)
			})
		},
	}
	cmd.Flags().IntVar(&nodes, "await", 0, "wait, as long as --timeout, until so many `nodes` are well, every shard has all its copies and the metadata group its members")
	cmd.Flags().BoolVar(&asJSON, "json", false, "everything, as JSON")
	return cmd
}

// whole is the state once so many nodes are well and nothing is missing; with 0 nodes it is
// the state as it is.
func (a *kvAdmin) whole(ctx context.Context, nodes int) (*wire.AdminResult, error) {
	missing := ""
	for {
		r, err := a.state(ctx)
		if nodes == 0 || err != nil && (missing == "" || ctx.Err() == nil) {
			return r, err
		}
		if err == nil {
			missing = lacks(r, nodes)
		}
		if missing == "" {
			return r, nil
		}
		select {
		case <-ctx.Done():
			return nil, &exitError{exitUnavailable, fmt.Errorf("not whole in time: %s", missing)}
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// lacks says what a cluster of so many nodes lacks, "" for nothing.
func lacks(r *wire.AdminResult, nodes int) string {
	s, well, voters := r.State, 0, 0
	for i := range s.Members {
		if m := &s.Members[i]; m.State == wire.Active && health(r, m) == "well" {
			well++
			if m.Role == wire.Voter {
				voters++
			}
		}
	}
	if well < nodes {
		return fmt.Sprintf("%d of %d nodes are well", well, nodes)
	}
	for i := range s.Shards {
		sh := &s.Shards[i]
		if state := shardState(s, sh, acting(r, sh)); state != "well" {
			return fmt.Sprintf("shard %s: %s", sh.ID, state)
		}
	}
	want := min(int(s.Settings.Voters), well)
	if want > 2 && want%2 == 0 {
		want-- // an even number would bear no more losses
	}
	if voters < want {
		return fmt.Sprintf("the metadata group has %d of %d members", voters, want)
	}
	return ""
}

// printStatus prints the cluster as people want to see it.
func printStatus(out io.Writer, r *wire.AdminResult) error {
	s := r.State
	fmt.Fprintf(out, "cluster %x, revision %d, led by %s; %d copies of each shard, heartbeat every %v\n\n",
		s.Cluster, s.Revision, s.Leader, s.Settings.Replicas, s.Settings.Heartbeat)
	if len(r.Health) == 0 {
		fmt.Fprint(out, "No leader of the metadata group answers: this is what a node remembers.\n\n")
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tZONE\tSTATE\tHEALTH\tMETADATA\tCOPIES\tPRIMARIES")
	for i := range s.Members {
		m := &s.Members[i]
		copies, primaries := holds(s, m.ID)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\n", m.ID, dash(m.Zone), m.State, health(r, m), m.Role, copies, primaries)
	}
	fmt.Fprintln(w, "\nSHARD\tFROM\tTO\tEPOCH\tPRIMARY\tCOPIES\tBYTES\tOPS/S\tSTATE")
	for i := range s.Shards {
		sh := &s.Shards[i]
		c := acting(r, sh)
		bytes, qps := "-", "-"
		if c != nil && c.Measured {
			bytes, qps = units.FormatBytes(int64(c.Bytes)), strconv.FormatUint(c.QPS, 10)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\n", sh.ID, quoteKey(sh.Start, "the first key"), quoteKey(sh.End, "the last key"),
			sh.Epoch, sh.Primary, names(sh.Replicas), bytes, qps, shardState(s, sh, c))
	}
	if n := len(s.History); n > 0 {
		fmt.Fprintln(w, "\nFAILOVER\tSHARD\tFROM\tTO\tEPOCH\tSILENT\tTOOK\tWHY")
		for _, f := range s.History[max(0, n-5):] {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", f.Wall.Format(time.DateTime), f.Shard, f.From, f.To, f.Epoch,
				f.Silent.Round(time.Millisecond), f.Took.Round(time.Millisecond), f.Why)
		}
	}
	return w.Flush()
}

// holds counts a node's copies, and those that are primaries.
func holds(s *wire.ClusterState, id shardmap.NodeID) (copies, primaries int) {
	for i := range s.Shards {
		if s.Shards[i].HasReplica(id) {
			copies++
		}
		if s.Shards[i].Primary == id {
			primaries++
		}
	}
	return copies, primaries
}

func health(r *wire.AdminResult, m *wire.Member) string {
	if m.Down {
		return "down"
	}
	for i := range r.Health {
		if h := &r.Health[i]; h.Node == m.ID && h.Missed > 0 {
			return fmt.Sprintf("%d missed", h.Missed)
		}
	}
	return "well"
}

// acting is what the primary of a shard reports, nil if it doesn't act.
func acting(r *wire.AdminResult, sh *shardmap.Shard) *wire.CopyReport {
	for i := range r.Health {
		if r.Health[i].Node != sh.Primary {
			continue
		}
		for j := range r.Health[i].Copies {
			if c := &r.Health[i].Copies[j]; c.Shard == sh.ID && c.Acting {
				return c
			}
		}
	}
	return nil
}

func shardState(s *wire.ClusterState, sh *shardmap.Shard, c *wire.CopyReport) string {
	switch {
	case c == nil:
		return "no primary known to act"
	case sh.Heir != "":
		return "goes to " + string(sh.Heir)
	case sh.Origin != "":
		return "comes from " + string(sh.Origin)
	case len(c.InSync) < len(sh.Replicas):
		return fmt.Sprintf("%d of %d in sync", len(c.InSync), len(sh.Replicas))
	case uint64(len(sh.Replicas)) < s.Settings.Replicas:
		return "too few copies"
	}
	return "well"
}

func names(ids []shardmap.NodeID) string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = string(id)
	}
	return strings.Join(out, ",")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// quoteKey prints a key so that it stays on its line; an empty one stands for an end.
func quoteKey(key, end string) string {
	if key == "" {
		return end
	}
	return strconv.Quote(key)
}

func newKVSplitCommand(f *kvFlags) *cobra.Command {
	var at, name string
	cmd := &cobra.Command{
		Use:   "split SHARD",
		Short: "Split a shard, in the middle of its data or at a key",
		Long: `Split makes two shards of one, in the middle of its data or at a key. They stay apart until
kv merge, however little they hold; what the cluster has split by itself, it merges as well.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.administer(cmd, func(ctx context.Context, a *kvAdmin) error {
				id := shardmap.ID(args[0])
				key := at
				if key == "" {
					var err error
					if key, err = middle(ctx, a, id); err != nil {
						return err
					}
				}
				r, err := a.ask(ctx, wire.Command{Kind: wire.SplitShard, Shard: id, Start: key, Other: shardmap.ID(name), Keep: true})
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s from %s on is %s\n", id, strconv.Quote(key), r.Shard)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&at, "at", "", "first key of the new shard; without, the one in the middle of the data")
	cmd.Flags().StringVar(&name, "name", "", "id of the new shard; without, the next free one")
	return cmd
}

func newKVMergeCommand(f *kvFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "merge SHARD SHARD",
		Short: "Make one shard of two neighbours",
		Long: `Merge makes one shard of two neighbours, which must have their copies on the same nodes
(kv move). The one with the smaller keys keeps its id.`,
		Example: "  shardquake kv merge s1 s6",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.administer(cmd, func(ctx context.Context, a *kvAdmin) error {
				_, err := a.ask(ctx, wire.Command{Kind: wire.MergeShards, Shard: shardmap.ID(args[0]), Other: shardmap.ID(args[1])})
				if err == nil {
					fmt.Fprintf(cmd.OutOrStdout(), "%s and %s become one\n", args[0], args[1])
				}
				return err
			})
		},
	}
}

// middle is the key that halves a shard's data, as its primary has measured.
func middle(ctx context.Context, a *kvAdmin, id shardmap.ID) (string, error) {
	r, err := a.state(ctx)
	if err != nil {
		return "", err
	}
	at := slices.IndexFunc(r.State.Shards, func(s shardmap.Shard) bool { return s.ID == id })
	if at < 0 {
		return "", usagef("there is no shard %q", id)
	}
	c := acting(r, &r.State.Shards[at])
	switch {
	case c == nil:
		return "", &exitError{exitUnavailable, fmt.Errorf("no primary of %s acts: nobody knows its middle; give --at", id)}
	case c.Middle == "":
		return "", usagef("the middle of %s isn't known, or has no key: give --at", id)
	}
	return c.Middle, nil
}

func newKVMoveCommand(f *kvFlags) *cobra.Command {
	return &cobra.Command{
		Use:     "move SHARD FROM TO",
		Short:   "Move a copy of a shard from one node to another",
		Example: "  shardquake kv move s1 n1 n4",
		Args:    cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.administer(cmd, func(ctx context.Context, a *kvAdmin) error {
				from, to := shardmap.NodeID(args[1]), shardmap.NodeID(args[2])
				_, err := a.ask(ctx, wire.Command{Kind: wire.MoveCopy, Shard: shardmap.ID(args[0]), Node: from, To: to})
				if err == nil {
					fmt.Fprintf(cmd.OutOrStdout(), "the copy of %s moves from %s to %s\n", args[0], from, to)
				}
				return err
			})
		},
	}
}

func newKVDrainCommand(f *kvFlags) *cobra.Command {
	var remove, undo, wait bool
	cmd := &cobra.Command{
		Use:   "drain NODE",
		Short: "Move everything off a node, to stop it without harm or to remove it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.administer(cmd, func(ctx context.Context, a *kvAdmin) error {
				id, to := shardmap.NodeID(args[0]), wire.Draining
				switch {
				case remove:
					to = wire.Leaving
				case undo:
					to = wire.Active
				}
				if _, err := a.ask(ctx, wire.Command{Kind: wire.SetNodeState, Node: id, State: to}); err != nil {
					return err
				}
				if wait && !undo {
					if err := awaitDrained(ctx, a, id); err != nil {
						return err
					}
					fmt.Fprintf(cmd.OutOrStdout(), "%s holds nothing any more\n", id)
					return nil
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s is %s\n", id, to)
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&remove, "remove", false, "remove the node from the cluster when it is drained")
	cmd.Flags().BoolVar(&undo, "undo", false, "let it take copies again")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until it holds nothing, at most as long as --timeout")
	cmd.MarkFlagsMutuallyExclusive("remove", "undo")
	return cmd
}

// awaitDrained waits until a node holds no copy and has no seat in the metadata group.
func awaitDrained(ctx context.Context, a *kvAdmin, id shardmap.NodeID) error {
	for {
		r, err := a.state(ctx)
		if err != nil {
			return err
		}
		copies, _ := holds(r.State, id)
		at := slices.IndexFunc(r.State.Members, func(m wire.Member) bool { return m.ID == id })
		if at < 0 {
			return usagef("there is no node %q", id)
		}
		if m := &r.State.Members[at]; copies == 0 && m.Role == wire.NoVoter {
			return nil
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return &exitError{exitUnknown, fmt.Errorf("%s still holds %d copies; it goes on draining", id, copies)}
		}
	}
}
