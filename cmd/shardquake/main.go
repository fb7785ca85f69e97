// Command shardquake rehearses a sharded cluster's worst day: on a simulator in
// virtual time, and on real nodes.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/cmd/shardquake/internal/kvcmd"
	"github.com/shardquake/shardquake/internal/version"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

// patience is how long after a first signal further ones are taken for the same
// wish: a terminal or a supervisor may send it to a process and to its group.
const patience = 2 * time.Second

// interruptible returns a context that ends with the first SIGINT or SIGTERM: faults
// are then healed, containers removed and the report written. A later signal ends the
// program at once.
func interruptible() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		first := time.Now()
		cancel()
		for range signals {
			if time.Since(first) > patience {
				fmt.Fprintln(os.Stderr, "\nshardquake: ended without cleaning up; \"shardquake clean\" removes what a real run left behind")
				os.Exit(exit.CodeAborted)
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel()
	}
}

// run executes the command line and returns its exit code.
func run(args []string) (code int) {
	ctx, stop := interruptible()
	defer stop()
	defer func() {
		if v := recover(); v != nil {
			fmt.Fprintf(os.Stderr, "shardquake: a defect of Shardquake: %v\n%s", v, debug.Stack())
			code = exit.CodeDefect
		}
	}()
	root := newRootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	code = exit.CodeOf(err)
	var told *exit.Error
	if err != nil && (!errors.As(err, &told) || told.Error() != "") {
		fmt.Fprintln(os.Stderr, "shardquake: "+err.Error())
	}
	return code
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "shardquake",
		Short: "Rehearse a sharded cluster's worst day, simulated and for real",
		Long: `Shardquake runs one scenario file (a cluster, its load, its controller, the faults
and what must hold) on a deterministic simulator and on real nodes, and says
whether it held.`,
		Version:       version.Current().String() + ", " + version.Go(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(
		newRunCommand(), newReplayCommand(), newListCommand(), newCheckCommand(), newSchemaCommand(), newInitCommand(),
		newAllocateCommand(), newCleanCommand(), newEventsCommand(), newFidelityCommand(), newCalibrateCommand(), newControllerCommand(), newSimServeCommand(), newFaultCommand(), newCompareCommand(), kvcmd.New(newKVRehearseCommand()),
		newVersionCommand(), newExplainCommand(), newTrendCommand(), newImportCommand(), newPlanCommand(), newExploreCommand(), newGamedayCommand(), newLeaseAgentCommand(),
	)
	root.SetVersionTemplate("shardquake {{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return exit.Usage(exit.WithNearestFlag(cmd, err)) })
	return root
}
