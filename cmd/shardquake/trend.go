package main

import (
	"encoding/json"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/reports/compare"
)

func newTrendCommand() *cobra.Command {
	format, failOn := "text", failOnNever
	formats := []string{"text", "json", "html"}
	cmd := &cobra.Command{
		Use:   "trend FILE",
		Short: "Show the figures of a history over revisions, with change points",
		Long: `Trend reads a history (--history of run and compare) and shows for each figure where it
changed, with the first revision after the change, and slow drift that no single step
shows. It names the revisions to compare with: the last release, and the last green one
of main.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(formats, format) {
				return exit.Usagef("%s", source.Unknown("format", format, formats))
			}
			if failOn != failOnNever && failOn != failOnWorse {
				return exit.Usagef("--fail-on: %s", source.Unknown("answer", failOn, []string{failOnWorse, failOnNever}))
			}
			f, err := os.Open(args[0])
			if err != nil {
				return exit.Usage(err)
			}
			defer f.Close() //nolint:errcheck // reading only
			records, bad, err := compare.ReadRecords(f)
			if err != nil {
				return exit.Usagef("%s: %w", args[0], err)
			}
			if len(records) == 0 {
				return exit.Usagef("%s holds no run that can be read: %v", args[0], bad)
			}
			t := compare.TrendOf(records, bad)
			out := cmd.OutOrStdout()
			switch format {
			case "json":
				enc := json.NewEncoder(out)
				enc.SetIndent("", "  ")
				err = enc.Encode(t)
			case "html":
				var text []byte
				if text, err = t.HTML(); err == nil {
					_, err = out.Write(text)
				}
			default:
				err = t.Text(out)
			}
			if err != nil {
				return err
			}
			if failOn == failOnWorse && t.Worst() == compare.Worse {
				return &exit.Error{Code: exit.CodeFail}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text, json, html")
	cmd.Flags().StringVar(&failOn, "fail-on", failOnNever, "worse or never: whether a change for the worse is an exit code of 1")
	return cmd
}
