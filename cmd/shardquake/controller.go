package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/controller/daemon"
)

func newControllerCommand() *cobra.Command {
	options, file, dryRun := daemon.Defaults(), "", false
	cmd := &cobra.Command{
		Use:   "controller",
		Short: "Look after the shards of a real Elasticsearch cluster",
		Long: `Controller watches an Elasticsearch 8 cluster, lets a policy decide about its shards,
reports the state of every index's copies, triggers recovery where copies are
unassigned, and serves all that over HTTP.

Every flag is a key of the configuration file too, and an environment variable:
SHARDQUAKE_ and the name in capitals, such as SHARDQUAKE_API_KEY. Flags count more than
the environment, that more than the file. On SIGHUP policy, interval and
sync-delay-threshold are read anew. It exits with 0 after a graceful stop, with 1 when
that went wrong, such as settings that could not be put back.`,
		Example: `  shardquake controller --es http://127.0.0.1:9200 --policy variance
  shardquake controller --config controller.yaml --restore-on-exit
  shardquake controller --es http://127.0.0.1:9200 --policy hotspot --dry-run
  curl -s http://127.0.0.1:8080/replication/status`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			src := daemon.Source{Flags: cmd.Flags(), Env: os.LookupEnv, File: file}
			o, err := src.Load()
			if err != nil {
				return exit.Usage(err)
			}
			if dryRun {
				o.Listen = ""
			}
			d, err := daemon.New(o, cmd.ErrOrStderr())
			if errors.Is(err, daemon.ErrOptions) {
				return exit.Usage(err)
			}
			if err != nil {
				return err
			}
			if dryRun {
				return printPlan(cmd, d)
			}
			reload := make(chan os.Signal, 1)
			signal.Notify(reload, syscall.SIGHUP)
			defer signal.Stop(reload)
			if err := d.Run(cmd.Context(), reload, src.Load); err != nil {
				return &exit.Error{Code: exit.CodeFail, Err: err}
			}
			return nil
		},
	}
	options.Bind(cmd.Flags())
	cmd.Flags().StringVar(&file, "config", "", "configuration file (YAML)")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print what the policy would do now, and end")
	return cmd
}

// printPlan prints what the controller would do.
func printPlan(cmd *cobra.Command, d *daemon.Daemon) error {
	plan, err := d.Plan(cmd.Context())
	if err != nil {
		return &exit.Error{Code: exit.CodeFail, Err: err}
	}
	fmt.Fprint(cmd.OutOrStdout(), plan.Text())
	return nil
}
