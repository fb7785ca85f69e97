//determinism:realtime game days go with people

package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/chaos/journal"
	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/integration/undo"
	"github.com/shardquake/shardquake/internal/control"
	"github.com/shardquake/shardquake/scenarios/gameday"
)

// gamedayFlags are the words that vary a game day.
type gamedayFlags struct {
	backend, listen, token  string
	approve, as, reason     string
	despite                 string
	out, history, branch    string
	cluster, confirm        string
	speed                   float64
	seed                    uint64
	set                     []string
	yes, quiet, dryRun      bool
	waitForPage, keepServed bool
}

// newGamedayCommand is of runs that people follow.
func newGamedayCommand() *cobra.Command {
	var f gamedayFlags
	cmd := &cobra.Command{
		Use:   "gameday FILE",
		Short: "A run that is predicted, approved, watched on a live page, and undone whatever happens",
		Long: `Gameday runs a scenario with a section gameday: first it is simulated with many seeds,
which gives bands for every figure; then the plan, with what it may hit and how it is undone,
is shown and must be approved by a name and a reason; then it runs, on the simulator as a drill
(--speed), on real nodes made for it, or on a cluster of one's own (--cluster), with a live page,
and ends as soon as a guardrail is touched.

The first Ctrl-C, a file HALT in this folder, the page, and shardquake gameday halt undo
everything at once. On a terminal, lines do the same: halt REASON, next, pause, resume, note TEXT.

Exit codes: those of run; 2 also when it was not approved, 4 when it was halted.`,
		Example: `  shardquake gameday drill.yaml --backend sim --speed 10 --as me --reason practice
  shardquake gameday our-day.yaml --backend real --listen 127.0.0.1:9198
  shardquake gameday our-day.yaml --cluster cluster.yaml --dry-run
  shardquake gameday our-day.yaml --cluster cluster.yaml --confirm staging/Zx8uV1`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.backend, "backend", "sim", "sim: a drill on the simulator; real: containers, or processes for system kv")
	fl.StringVar(&f.cluster, "cluster", "", "cluster file (cluster.yaml) of a cluster of one's own, which is acted on instead of nodes made for the run")
	fl.StringVar(&f.confirm, "confirm", "", "with --cluster: `NAME/UUID` of the cluster that is meant")
	fl.BoolVar(&f.dryRun, "dry-run", false, "with --cluster: look, print every command that would be given and how it is undone, and do nothing")
	fl.Float64Var(&f.speed, "speed", 1, "virtual seconds per second, on the simulator")
	fl.StringVar(&f.listen, "listen", "127.0.0.1:0", "address of the live page")
	fl.StringVar(&f.token, "token", "", "what readers of the page must present; needed to listen beyond the loopback")
	fl.BoolVar(&f.waitForPage, "wait-for-page", false, "wait for the approval on the page instead of asking on the terminal")
	fl.BoolVar(&f.keepServed, "keep-page", false, "serve the page after the end until Ctrl-C")
	fl.StringVar(&f.approve, "approve", "", "approve the plan of this hash, or its first eight characters, without asking; needs --as and --reason")
	fl.StringVar(&f.as, "as", "", "who approves; recorded, not authenticated")
	fl.StringVar(&f.reason, "reason", "", "why")
	fl.BoolVar(&f.yes, "yes", false, "approve whatever the plan is, and every step: for pipelines, on nodes made for the run only")
	fl.StringVar(&f.despite, "despite", "", "go on although simulated runs touch a guardrail, with the reason")
	fl.Uint64Var(&f.seed, "seed", 0, "seed instead of the scenario's")
	fl.StringArrayVar(&f.set, "set", nil, "replace a value of the scenario, `path=value`; may be repeated")
	fl.StringVar(&f.out, "out", "", "folder for the report (default shardquake-out/SCENARIO/gameday-TIME)")
	fl.StringVar(&f.history, "history", "", "append the run to this file, for shardquake trend and compare")
	fl.StringVar(&f.branch, "branch", "", "branch to note in the history, such as main")
	fl.BoolVarP(&f.quiet, "quiet", "q", false, "print only the plan, what happens and the result")
	cmd.AddCommand(newGamedayHealCommand(), newGamedayHaltCommand(), newGamedayLiftCommand())
	return cmd
}

// grounds are where game days of this machine know of each other.
func grounds() (gameday.Grounds, error) {
	folder, err := gameday.DefaultFolder()
	return gameday.Grounds{Folder: folder, Lives: func(pid int, born string) bool {
		return undo.Lives(journal.Process{PID: pid, Born: born})
	}}, err
}

func newGamedayHaltCommand() *cobra.Command {
	var who, reason string
	cmd := &cobra.Command{
		Use:   "halt",
		Short: "Halt every game day that goes on on this machine: everything is undone at once",
		Long: `Halt ends every game day of this machine. The next on the same cluster is refused until
shardquake gameday lift CLUSTER. Exit codes: 0 halted, or none goes on; 1 one did not answer.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			g, err := grounds()
			if err != nil {
				return err
			}
			running, err := g.Running()
			if err != nil {
				return err
			}
			if len(running) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "no game day goes on")
			}
			failed := 0
			for _, r := range running {
				client := control.Client{URL: r.URL, Token: r.Token}
				if _, err := client.Ask(cmd.Context(), http.MethodPost, "/halt", []byte(who+": "+reason)); err != nil {
					fmt.Fprintf(cmd.ErrOrStderr(), "%s: %v; its journal: %s\n", r.Cluster, err, r.Journal)
					failed++
					continue
				}
				fmt.Fprintln(cmd.OutOrStdout(), "halted "+r.Cluster)
			}
			if failed > 0 {
				return &exit.Error{Code: exit.CodeFail, Err: fmt.Errorf("%d game days did not answer: end their processes, and shardquake gameday heal JOURNAL", failed)}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&who, "as", "halt", "who halts")
	cmd.Flags().StringVar(&reason, "reason", "by order", "why")
	return cmd
}

func newGamedayLiftCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "lift CLUSTER",
		Short: "Let the next game day on a cluster begin after a halt",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			g, err := grounds()
			if err != nil {
				return err
			}
			return exit.Usage(g.Lift(args[0]))
		},
	}
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

// approvalLimit bounds the wait for somebody who approves.
const approvalLimit = time.Hour
