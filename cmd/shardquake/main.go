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

	"github.com/spf13/cobra"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

// run executes the command line and returns its exit code. A first Ctrl-C aborts: faults
// are healed, containers removed and the report written; a second one ends at once.
func run(args []string) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	defer func() {
		if v := recover(); v != nil {
			fmt.Fprintf(os.Stderr, "shardquake: a defect of Shardquake: %v\n%s", v, debug.Stack())
			code = exitDefect
		}
	}()
	root := newRootCommand()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	code = exitCode(err)
	var told *exitError
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
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(
		newRunCommand(), newReplayCommand(), newListCommand(), newCheckCommand(), newSchemaCommand(), newInitCommand(),
		newCleanCommand(), newEventsCommand(), newControllerCommand(), newSimServeCommand(),
	)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	return root
}
