package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/sim/elastic/allocation/cases"
)

func newAllocateCommand() *cobra.Command {
	var opts cases.Options
	cmd := &cobra.Command{
		Use:   "allocate [FILE…]",
		Short: "Decide where Elasticsearch's allocator would put shard copies",
		Long: `Allocate reads cluster states as JSON Lines, plain or gzipped, from files or from
standard input, lets the allocator of Elasticsearch 8.19.0 decide round by round, and
writes each case with its decisions in the form in which decisions are recorded.

With --verify it compares with the decisions recorded in the cases: it prints how many
agree per family and the first difference with the weights and deciders behind it, and
exits with 1 when any differs.`,
		Example: `  shardquake allocate --verify allocation/*.jsonl.gz
  shardquake allocate --type balanced < states.jsonl > decisions.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error {
			differ, err := cases.Main(cmd.Context(), args, cmd.InOrStdin(), cmd.OutOrStdout(), opts)
			switch {
			case errors.Is(err, context.Canceled):
				return &exitError{exitAborted, err}
			case err != nil:
				return usage(err)
			case differ:
				return &exitError{code: exitFail}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&opts.Verify, "verify", false, "compare with the recorded decisions")
	cmd.Flags().StringVar(&opts.Type, "type", "", "allocator: balanced or desired_balance (default: both)")
	return cmd
}
