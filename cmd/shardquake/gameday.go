package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/integration/undo"
)

// newGamedayCommand is of runs on real nodes with people watching.
func newGamedayCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "gameday",
		Short: "Undo what a real run has left in force",
	}
	cmd.AddCommand(newGamedayHealCommand())
	return cmd
}

func newGamedayHealCommand() *cobra.Command {
	var dry bool
	cmd := &cobra.Command{
		Use:   "heal JOURNAL",
		Short: "Undo what a journal says was begun and not undone, last first",
		Long: `Heal reads the journal of a real run (beside its folder, FOLDER.journal.jsonl) and undoes exactly what
was begun and not undone, last first. It may be called again: what is undone is written down,
and what is as it was stays so. Exit codes: 0 nothing is left, 1 something could not be
undone, 2 the file is no journal.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			left, err := undo.Heal(cmd.Context(), args[0], dry, func(format string, a ...any) {
				fmt.Fprintf(cmd.OutOrStdout(), format+"\n", a...)
			})
			if err != nil {
				return exit.Usage(err)
			}
			if left > 0 {
				return &exit.Error{Code: exit.CodeFail, Err: fmt.Errorf("%d of what was begun could not be undone; call this again", left)}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "print the steps and do nothing")
	return cmd
}
