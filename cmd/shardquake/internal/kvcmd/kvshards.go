package kvcmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

func newKVShardCommand(f *kvFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "shard",
		Short: "Create and delete shards",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newKVCreateShardCommand(f), newKVDeleteShardCommand(f))
	return cmd
}

func newKVCreateShardCommand(f *kvFlags) *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a shard of its own of a range of keys",
		Long: `Create makes a shard of its own of the keys from --from on and below --to, out of the one
that covers them now. It is never merged unasked.`,
		Example: "  shardquake kv shard create users --from a --to m",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.administer(cmd, func(ctx context.Context, a *kvAdmin) error {
				_, err := a.ask(ctx, wire.Command{Kind: wire.CreateShard, Shard: shardmap.ID(args[0]), Start: from, End: to})
				if err == nil {
					fmt.Fprintf(cmd.OutOrStdout(), "%s has the keys from %s to %s\n", args[0], quoteKey(from, "the first key"), quoteKey(to, "the last key"))
				}
				return err
			})
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "first key; without, the very first")
	cmd.Flags().StringVar(&to, "to", "", "the key that is the first of the next shard; without, there is none")
	return cmd
}

func newKVDeleteShardCommand(f *kvFlags) *cobra.Command {
	var drop bool
	cmd := &cobra.Command{
		Use:   "delete NAME",
		Short: "Remove a shard: a neighbour takes its keys, or they are deleted",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.administer(cmd, func(ctx context.Context, a *kvAdmin) error {
				r, err := a.ask(ctx, wire.Command{Kind: wire.DeleteShard, Shard: shardmap.ID(args[0]), Drop: drop})
				if err != nil {
					return err
				}
				what := "with its data"
				if drop {
					what = "without its data, which is deleted"
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s takes the keys of %s, %s\n", r.Shard, args[0], what)
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&drop, "drop", false, "delete its data")
	return cmd
}

func newKVPromoteCommand(f *kvFlags) *cobra.Command {
	return &cobra.Command{
		Use:     "promote SHARD NODE",
		Short:   "Make a node's copy the primary of a shard",
		Example: "  shardquake kv promote s1 n2",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.administer(cmd, func(ctx context.Context, a *kvAdmin) error {
				_, err := a.ask(ctx, wire.Command{Kind: wire.Promote, Shard: shardmap.ID(args[0]), Node: shardmap.NodeID(args[1])})
				if err == nil {
					fmt.Fprintf(cmd.OutOrStdout(), "%s is to be the primary of %s\n", args[1], args[0])
				}
				return err
			})
		},
	}
}

func newKVRebalanceCommand(f *kvFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "rebalance",
		Short: "Look at sizes and load now: split, merge and move what they call for",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.administer(cmd, func(ctx context.Context, a *kvAdmin) error {
				_, err := a.ask(ctx, wire.Command{Kind: wire.Rebalance})
				if err == nil {
					fmt.Fprintln(cmd.OutOrStdout(), "the leader looks at sizes and load; kv status shows what changes")
				}
				return err
			})
		},
	}
}
