//determinism:realtime leases are of the machine's time

package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/integration/lease"
)

// newLeaseAgentCommand is what a real run starts beside its nodes; no person has a use for it.
func newLeaseAgentCommand() *cobra.Command {
	var listen string
	var ttl time.Duration
	cmd := &cobra.Command{
		Use:    "lease-agent",
		Short:  "Undo what a real run has in force when the run doesn't renew its leases",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			token := os.Getenv(lease.TokenVariable)
			if token == "" || ttl <= 0 {
				return exit.Usagef("lease-agent is started by a real run: it needs --ttl, and %s", lease.TokenVariable)
			}
			// A terminal's signals are for the run; what ends the run must not end this.
			signal.Ignore(os.Interrupt, syscall.SIGHUP, syscall.SIGPIPE)
			l, err := net.Listen("tcp", listen)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), "listens", l.Addr()); err != nil {
				return err
			}
			return lease.NewAgent(ttl, token).Serve(cmd.Context(), l)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "address")
	cmd.Flags().DurationVar(&ttl, "ttl", 0, "how long a lease holds without renewal")
	return cmd
}
