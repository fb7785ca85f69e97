package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/internal/catalog"
)

func newCleanCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "clean",
		Short: "Remove containers, networks and volumes that real runs left behind",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			removed, err := catalog.Clean(cmd.Context())
			for _, name := range removed {
				fmt.Fprintln(cmd.OutOrStdout(), "removed "+name)
			}
			if err != nil {
				return err
			}
			if len(removed) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "nothing was left behind")
			}
			return nil
		},
	}
}
