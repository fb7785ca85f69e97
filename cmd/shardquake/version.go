package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/internal/version"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
)

// newVersionCommand says which Shardquake this is and which file formats it writes.
func newVersionCommand() *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Say which version this is, of which revision, and which file formats it writes",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			formats := append(reports.Formats(), reports.Format{File: "scenario files", Name: fmt.Sprintf("format: %d", scenarios.FileFormat)})
			if asJSON {
				enc := json.NewEncoder(out)
				enc.SetIndent("", "  ")
				return enc.Encode(struct {
					version.Build
					Go      string           `json:"go"`
					Formats []reports.Format `json:"formats"`
				}{version.Current(), version.Go(), formats})
			}
			fmt.Fprintf(out, "shardquake %s, %s\n", version.Current(), version.Go())
			for _, f := range formats {
				fmt.Fprintf(out, "  %-15s %s\n", f.File, f.Name)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "for programs")
	return cmd
}
