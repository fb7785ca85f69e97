package kvcmd

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

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
		return "", exit.Usagef("there is no shard %q", id)
	}
	c := acting(r, &r.State.Shards[at])
	switch {
	case c == nil:
		return "", &exit.Error{Code: exit.CodeUnavailable, Err: fmt.Errorf("no primary of %s acts: nobody knows its middle; give --at", id)}
	case c.Middle == "":
		return "", exit.Usagef("the middle of %s isn't known, or has no key: give --at", id)
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
