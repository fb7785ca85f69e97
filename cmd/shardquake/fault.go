package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/internal/control"
)

// newFaultCommand gives orders to a cluster that sim-serve serves.
func newFaultCommand() *cobra.Command {
	var c control.Client
	cmd := &cobra.Command{
		Use:   "fault",
		Short: "Inject, heal and list faults while sim-serve serves",
	}
	cmd.PersistentFlags().StringVar(&c.URL, "control", "http://127.0.0.1:9199", "address that sim-serve printed as control")
	cmd.PersistentFlags().StringVar(&c.Token, "token", "", "token of sim-serve, where it has one")
	cmd.AddCommand(newFaultInjectCommand(&c), newFaultHealCommand(&c), newFaultListCommand(&c), newFaultStepCommand(&c), newFaultUntilCommand(&c))
	return cmd
}

func newFaultInjectCommand(c *control.Client) *cobra.Command {
	return &cobra.Command{
		Use:   "inject FAULT",
		Short: "Have a fault strike now: YAML or JSON as in a file, without its time (-: from standard input)",
		Example: `  shardquake fault inject '{node-loss: {node: n2, for: 2m}}'
  echo '{"partition": {"between": ["n1"], "and": ["rest"], "for": "30s"}}' | shardquake fault inject -`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text := []byte(args[0])
			if args[0] == "-" {
				var err error
				if text, err = io.ReadAll(cmd.InOrStdin()); err != nil {
					return err
				}
			}
			if _, err := chaos.ReadOrder(text); err != nil {
				return exit.Usage(err)
			}
			answer, err := c.Ask(cmd.Context(), http.MethodPost, "/faults", text)
			return tellFault(cmd.OutOrStdout(), answer, err)
		},
	}
}

func newFaultStepCommand(c *control.Client) *cobra.Command {
	return &cobra.Command{
		Use:   "step",
		Short: "Let time pass, as fast as it can, until the next fault of the plan strikes or heals",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := c.Ask(cmd.Context(), http.MethodPost, "/step", nil)
			return tellPlan(cmd.OutOrStdout(), answer, err)
		},
	}
}

func newFaultUntilCommand(c *control.Client) *cobra.Command {
	var within string
	cmd := &cobra.Command{
		Use:       "until HEALTH",
		Short:     "Let time pass, as fast as it can, until the cluster is green (or yellow, or red)",
		Args:      cobra.ExactArgs(1),
		ValidArgs: []string{"green", "yellow", "red"},
		RunE: func(cmd *cobra.Command, args []string) error {
			query := url.Values{"health": {args[0]}, "within": {within}}
			answer, err := c.Ask(cmd.Context(), http.MethodPost, "/until?"+query.Encode(), nil)
			if err != nil {
				return exit.Usage(err)
			}
			var told control.Reached
			if err := json.Unmarshal(answer, &told); err != nil {
				return err
			}
			if !told.Reached {
				return fmt.Errorf("it was not %s within %s (t=%s)", told.Health, within, told.Now)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s at t=%s\n", told.Health, told.Now)
			return nil
		},
	}
	cmd.Flags().StringVar(&within, "within", "1h", "how long, of the cluster's time, to wait at most")
	return cmd
}

func newFaultHealCommand(c *control.Client) *cobra.Command {
	return &cobra.Command{
		Use:   "heal ID",
		Short: "Heal a fault, or withdraw one that has yet to strike",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			answer, err := c.Ask(cmd.Context(), http.MethodDelete, "/faults/"+strings.Trim(args[0], "/ "), nil)
			return tellFault(cmd.OutOrStdout(), answer, err)
		},
	}
}

func newFaultListCommand(c *control.Client) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the faults of the plan and those ordered, with what became of them",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := c.Ask(cmd.Context(), http.MethodGet, "/plan", nil)
			return tellPlan(cmd.OutOrStdout(), answer, err)
		},
	}
}

// tellPlan shows the plan as it stands.
func tellPlan(w io.Writer, answer []byte, err error) error {
	if err != nil {
		return exit.Usage(err)
	}
	var p struct {
		Now    string
		Faults []toldFault
	}
	if err := json.Unmarshal(answer, &p); err != nil {
		return fmt.Errorf("answer of the control address: %w", err)
	}
	fmt.Fprintf(w, "t=%s\n", p.Now)
	for _, f := range p.Faults {
		f.tell(w)
	}
	return nil
}

// toldFault is what the shell shows of an entry of the plan.
type toldFault struct {
	ID           int
	State        string
	Planned      struct{ Kind string }
	Victims      []string
	StruckAt     string `json:"struck_at"`
	HealedAt     string `json:"healed_at"`
	Error        string
	NotSimulated []string `json:"not_simulated"`
	Bites, Gone  []chaos.Evidence
}

func (f toldFault) tell(w io.Writer) {
	fmt.Fprintf(w, "%d  %-9s  %s %s", f.ID, f.State, f.Planned.Kind, strings.Join(f.Victims, ","))
	if f.State != "waiting" && f.State != "withdrawn" {
		fmt.Fprintf(w, "  struck at %s", f.StruckAt)
	}
	if f.State == "healed" {
		fmt.Fprintf(w, ", healed at %s", f.HealedAt)
	}
	fmt.Fprintln(w)
	if f.Error != "" {
		fmt.Fprintln(w, "     "+f.Error)
	}
	if len(f.NotSimulated) > 0 {
		fmt.Fprintln(w, "     settings that are not simulated: "+strings.Join(f.NotSimulated, ", "))
	}
	for _, e := range append(f.Bites, f.Gone...) {
		mark := "shown"
		if !e.Shown {
			mark = "NOT SHOWN"
		}
		fmt.Fprintf(w, "     %s: %s: %s\n", mark, e.What, e.Saw)
	}
}

// tellFault shows the answer to an order.
func tellFault(w io.Writer, answer []byte, err error) error {
	if err != nil {
		return exit.Usage(err)
	}
	var f toldFault
	if err := json.Unmarshal(answer, &f); err != nil {
		return fmt.Errorf("answer of the control address: %w", err)
	}
	f.tell(w)
	if f.State == "failed" {
		return &exit.Error{Code: exit.CodeFail}
	}
	return nil
}
