package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
)

func newListCommand() *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the scenarios that ship with the program",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			type row struct {
				Name   string `json:"name"`
				System string `json:"system"`
				About  string `json:"about"`
			}
			var rows []row
			for _, name := range scenarios.Library() {
				s, err := scenarios.Load(name, nil, catalog.Vocabulary())
				if err != nil {
					return err
				}
				rows = append(rows, row{s.Name, s.System, s.About})
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				return enc.Encode(rows)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, r := range rows {
				fmt.Fprintf(w, "%s\t%s\t%s\n", r.Name, r.System, r.About)
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func newCheckCommand() *cobra.Command {
	var set []string
	backend := ""
	cmd := &cobra.Command{
		Use:   "check FILE|NAME",
		Short: "Validate a scenario for a backend and preview its plan and blast radius",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := scenarios.Load(args[0], set, catalog.Vocabulary())
			if err != nil {
				return exit.Usage(err)
			}
			plan, err := planLines(s, s.Topology()) // what is the file's fault is told first
			if err != nil {
				return err
			}
			if err := checkBackend(cmd.Context(), s, backend); err != nil {
				return err
			}
			return preview(cmd, s, plan)
		},
	}
	cmd.Flags().StringArrayVar(&set, "set", nil, "replace a value of the file: path=value")
	cmd.Flags().StringVar(&backend, "backend", "sim", "the backend that it is validated for: sim or real")
	return cmd
}

// checkBackend refuses what a run of the scenario on a backend would.
func checkBackend(ctx context.Context, s *scenarios.Loaded, name string) error {
	backend, err := catalog.Backend(name)
	if err != nil {
		return exit.Usage(err)
	}
	if err := s.Foresee(); err != nil {
		return exit.Usage(err)
	}
	scaled, _ := s.Scaled((&runFlags{}).scaleFor(name))
	return scenarios.Supported(ctx, backend, scaled)
}

// preview prints what a scenario would do.
func preview(cmd *cobra.Command, s *scenarios.Loaded, plan []string) error {
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "%s is valid: %s\n\n", s.File, s.About)
	if im := s.Imported(); im != nil {
		previewImported(out, im)
	} else {
		for _, line := range s.Cluster.Nodes.Describe() {
			fmt.Fprintln(out, line)
		}
	}
	if note := catalog.OtherVersions(s.Scenario); note != "" {
		fmt.Fprintf(out, "versions  %s\n", note)
	}
	for _, line := range s.Describe() {
		fmt.Fprintln(out, line)
	}
	if list := catalog.Unsimulated(s.Scenario); len(list) > 0 {
		fmt.Fprintf(out, "settings  not simulated: %s\n", strings.Join(list, ", "))
	}
	if c := s.Controller; c != nil {
		fmt.Fprintf(out, "control   policy %s every %s\n", c.Policy, c.Interval)
	}
	for _, c := range s.Vary {
		fmt.Fprintf(out, "varies    %s: %s, drawn by each seed\n", c.Path, c.Text)
	}
	fmt.Fprintf(out, "duration  %s, then up to %s to settle\n\nplan\n", s.Duration, s.Settle)
	if len(s.Faults) == 0 {
		fmt.Fprintln(out, "  no faults")
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, line := range plan {
		fmt.Fprintln(w, line)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nexpectations: %d\n", len(s.Expect))
	return nil
}

// planLines say of each fault when it strikes, for how long and whom.
func planLines(s *scenarios.Loaded, t chaos.Topology) ([]string, error) {
	var lines []string
	for i, e := range s.Faults {
		r, err := chaos.Preview(e.Fault, t)
		if err != nil {
			return nil, exit.Usagef("%s: faults[%d], %s at %s: %w", s.File, i, e.Fault.Kind(), e.At, err)
		}
		until, at := "for good", e.At.String()
		if d := e.Fault.Lasts(); d > 0 {
			until = "for " + units.FormatDuration(d)
		}
		if e.Until != "" {
			until = "until " + string(e.Until) + " again"
		}
		if e.Trigger != nil {
			at = e.Trigger.String()
		}
		lines = append(lines, fmt.Sprintf("  %s\t%s\t%s\treaches %s", at, e.Fault.Kind(), until, chaos.BlastRadius(r, t.Nodes)))
	}
	return lines, nil
}

func newSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON schema of scenario files, for editors",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := scenarios.Schema(catalog.Vocabulary())
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
}

func newInitCommand() *cobra.Command {
	voc := catalog.Vocabulary()
	force, system := false, ""
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a commented starter scenario (default scenario.yaml)",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "scenario.yaml"
			if len(args) == 1 {
				path = args[0]
			}
			text := voc.Starter(system)
			if text == nil {
				return exit.Usagef("--system: %s", source.Unknown("system", system, voc.SystemNames()))
			}
			flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
			if force {
				flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
			}
			f, err := os.OpenFile(path, flags, 0o644)
			if os.IsExist(err) {
				return exit.Usagef("%s exists already; --force replaces it", path)
			}
			if err != nil {
				return exit.Usage(err)
			}
			if _, err := f.Write(text); err != nil {
				f.Close()
				return err
			}
			if err := f.Close(); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s written; try: shardquake check %s, then: shardquake run %s\n", path, path, path)
			return nil
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "replace an existing file")
	cmd.Flags().StringVar(&system, "system", voc.SystemNames()[0], "what the scenario describes: "+strings.Join(voc.SystemNames(), " or "))
	return cmd
}
