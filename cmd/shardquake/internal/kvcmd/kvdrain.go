package kvcmd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/kvcluster/client"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

func newKVDrainCommand(f *kvFlags) *cobra.Command {
	var remove, undo, wait bool
	cmd := &cobra.Command{
		Use:   "drain NODE",
		Short: "Move everything off a node, to stop it without harm or to remove it",
		Long: `Drain moves everything off a node: primaries at once, then copies and its seat in the
metadata group, as far as other nodes can take them. What keeps it from coming to an end is
said.`,
		Args: cobra.ExactArgs(1),
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
				if undo {
					return nil
				}
				return explainDrain(ctx, cmd, a, id)
			})
		},
	}
	cmd.Flags().BoolVar(&remove, "remove", false, "remove the node from the cluster when it is drained")
	cmd.Flags().BoolVar(&undo, "undo", false, "let it take copies again")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until it holds nothing, at most as long as --timeout")
	cmd.MarkFlagsMutuallyExclusive("remove", "undo")
	return cmd
}

// explainDrain says what the node still holds, and why that stays if it must.
func explainDrain(ctx context.Context, cmd *cobra.Command, a *kvAdmin, id shardmap.NodeID) error {
	r, err := a.state(ctx)
	if err != nil {
		return err
	}
	for _, why := range client.Undrained(r, id) {
		fmt.Fprintf(cmd.OutOrStdout(), "  %s\n", why)
	}
	return nil
}

// awaitDrained waits until a node holds no copy and has no seat in the metadata group.
func awaitDrained(ctx context.Context, a *kvAdmin, id shardmap.NodeID) error {
	var left []string
	for {
		r, err := a.state(ctx)
		if err != nil && (left == nil || ctx.Err() == nil) {
			return err
		}
		if err == nil {
			if !slices.ContainsFunc(r.State.Members, func(m wire.Member) bool { return m.ID == id }) {
				return exit.Usagef("there is no node %q", id)
			}
			if left = client.Undrained(r, id); len(left) == 0 {
				return nil
			}
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return &exit.Error{Code: exit.CodeUnknown, Err: fmt.Errorf("%s is not empty yet, it goes on draining: %s", id, strings.Join(left, "; "))}
		}
	}
}
