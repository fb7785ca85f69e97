package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/sim/elastic/allocation/cases"
)

func newAllocateCommand() *cobra.Command {
	var opts cases.Options
	explain := false
	cmd := &cobra.Command{
		Use:   "allocate [FILE…]",
		Short: "Decide where Elasticsearch's allocator would put shard copies",
		Long: `Allocate reads cluster states as JSON Lines, plain or gzipped, from files or from
standard input, lets the allocator of Elasticsearch 8.19.0 decide round by round, and
writes each case with its decisions in the form in which decisions are recorded.

With --verify it compares with the decisions recorded in the cases: it prints how many
agree per family and the first difference with the weights and deciders behind it, and
exits with 1 when any differs.

With --explain it reads answers of _cluster/allocation/explain instead, as they come out
of a cluster, and says of each copy the cause, the cure, and what else would have to
change for the copy to find a node.`,
		Example: `  shardquake allocate --verify allocation/*.jsonl.gz
  shardquake allocate --type balanced < states.jsonl > decisions.jsonl
  curl -s localhost:9200/_cluster/allocation/explain | shardquake allocate --explain`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if explain {
				if opts != (cases.Options{}) {
					return exit.Usage(errors.New("--verify and --type are for states, --explain is for explanations"))
				}
				return explainAll(args, cmd.InOrStdin(), cmd.OutOrStdout())
			}
			differ, err := cases.Main(cmd.Context(), args, cmd.InOrStdin(), cmd.OutOrStdout(), opts)
			switch {
			case errors.Is(err, context.Canceled):
				return &exit.Error{Code: exit.CodeAborted, Err: err}
			case err != nil:
				return exit.Usage(err)
			case differ:
				return &exit.Error{Code: exit.CodeFail}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&opts.Verify, "verify", false, "compare with the recorded decisions")
	cmd.Flags().BoolVar(&explain, "explain", false, "say cause and cure of answers of _cluster/allocation/explain")
	cmd.Flags().StringVar(&opts.Type, "type", "", "allocator: balanced or desired_balance (default: both)")
	return cmd
}
