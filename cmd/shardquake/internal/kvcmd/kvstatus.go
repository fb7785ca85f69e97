package kvcmd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/tcp"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

func newKVStatusCommand(f *kvFlags) *cobra.Command {
	asJSON, nodes, history := false, 0, 5
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the nodes, the shards and the latest failovers",
		Long: `Status shows what the leader of the metadata group knows of nodes and shards, what its
failover manager is doing, and the latest failovers. What isn't known is said to be so; so is
which nodes of the address book don't answer here, whatever the cluster thinks of them.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if history < 0 {
				return exit.Usagef("--history %d: expected a number that isn't negative", history)
			}
			return f.administer(cmd, func(ctx context.Context, a *kvAdmin) error {
				r, err := a.stateOnceWell(ctx, nodes)
				if err != nil {
					return err
				}
				silent := a.roll(ctx, r)
				if asJSON {
					return encodeStatus(cmd.OutOrStdout(), r, silent)
				}
				return printStatus(cmd.OutOrStdout(), r, silent, history)
			})
		},
	}
	cmd.Flags().IntVar(&nodes, "await", 0, "wait, as long as --timeout, until so many `nodes` are well, every shard has all its copies and the metadata group its members")
	cmd.Flags().BoolVar(&asJSON, "json", false, "everything, as JSON")
	cmd.Flags().IntVar(&history, "history", history, "show so many of the latest failovers")
	return cmd
}

func encodeStatus(out io.Writer, r *wire.AdminResult, silent []kvSilent) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		State       *wire.ClusterState
		Known       bool // a leader has answered
		Health      []wire.NodeHealth
		Failover    string
		Unavailable []shardmap.ID
		Silent      []kvSilent
	}{r.State, len(r.Health) > 0, r.Health, manager(r), r.Unavailable, silent})
}

// kvSilent is a machine of the address book that doesn't answer as a node of the cluster.
type kvSilent struct{ Machine, Why string }

// rollPatience is how long a node may take to answer that it is there.
const rollPatience = time.Second

// roll asks every machine of the address book itself.
func (a *kvAdmin) roll(ctx context.Context, r *wire.AdminResult) []kvSilent {
	names := a.Machines()
	why := make([]string, len(names))
	var asking sync.WaitGroup
	for i, name := range names {
		asking.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, rollPatience)
			defer cancel()
			x, err := a.Ask(ctx, name, &wire.Admin{Stale: true})
			switch {
			case err != nil:
				why[i] = err.Error()
			case x.State == nil:
				why[i] = fmt.Sprintf("node %s: %v: %s", name, x.Status, x.Reason)
			case x.State.Cluster != r.State.Cluster:
				why[i] = fmt.Sprintf("node %s: %v: it belongs to %x", name, tcp.ErrCluster, x.State.Cluster)
			}
		})
	}
	asking.Wait()
	var silent []kvSilent
	for i, name := range names {
		if why[i] != "" {
			silent = append(silent, kvSilent{name, why[i]})
		}
	}
	return silent
}

// stateOnceWell is the state once so many nodes are well and nothing is missing; with 0 nodes it is
// the state as it is.
func (a *kvAdmin) stateOnceWell(ctx context.Context, nodes int) (*wire.AdminResult, error) {
	missing := ""
	for {
		r, err := a.state(ctx)
		if nodes == 0 || err != nil && (missing == "" || ctx.Err() == nil) {
			return r, err
		}
		if err == nil {
			missing = lacks(r, nodes)
		}
		if missing == "" {
			return r, nil
		}
		select {
		case <-ctx.Done():
			return nil, &exit.Error{Code: exit.CodeUnavailable, Err: fmt.Errorf("not whole in time: %s", missing)}
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// lacks says what a cluster of so many nodes lacks, "" for nothing.
func lacks(r *wire.AdminResult, nodes int) string {
	s, well, voters := r.State, 0, 0
	for i := range s.Members {
		if m := &s.Members[i]; m.State == wire.Active && health(r, m) == "well" {
			well++
			if m.Role == wire.Voter {
				voters++
			}
		}
	}
	if well < nodes {
		return fmt.Sprintf("%d of %d nodes are well", well, nodes)
	}
	for i := range s.Shards {
		sh := &s.Shards[i]
		if state := shardState(s, sh, acting(r, sh)); state != "well" {
			return fmt.Sprintf("shard %s: %s", sh.ID, state)
		}
	}
	want := min(int(s.Settings.Voters), well)
	if want > 2 && want%2 == 0 {
		want-- // an even number would bear no more losses
	}
	if voters < want {
		return fmt.Sprintf("the metadata group has %d of %d members", voters, want)
	}
	return ""
}

// manager is what the failover manager is doing, as far as that is known.
func manager(r *wire.AdminResult) string {
	if len(r.Health) == 0 {
		return "not known"
	}
	return r.Failover.String()
}

// printStatus prints the cluster as people want to see it.
func printStatus(out io.Writer, r *wire.AdminResult, silent []kvSilent, history int) error {
	s := r.State
	led := "led by " + string(s.Leader)
	if len(r.Health) == 0 {
		led = "led by nobody known"
	}
	fmt.Fprintf(out, "cluster %x, revision %d, %s; %d copies of each shard, heartbeat every %v, failover manager: %s\n\n",
		s.Cluster, s.Revision, led, s.Settings.Replicas, s.Settings.Heartbeat, manager(r))
	if len(r.Health) == 0 {
		fmt.Fprint(out, "No leader of the metadata group answers: this is what a node remembers, and how nodes and shards are is not known.\n\n")
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tZONE\tSTATE\tHEALTH\tMETADATA\tCOPIES\tPRIMARIES")
	for i := range s.Members {
		m := &s.Members[i]
		copies, primaries := holds(s, m.ID)
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\n", m.ID, dash(cell(m.Zone)), m.State, health(r, m), m.Role, copies, primaries)
	}
	for i := range r.Health {
		if h := &r.Health[i]; h.Note != "" {
			fmt.Fprintf(w, "  %s: %s\n", h.Node, h.Note)
		}
	}
	fmt.Fprintln(w, "\nSHARD\tFROM\tTO\tEPOCH\tPRIMARY\tCOPIES\tBYTES\tOPS/S\tSTATE")
	for i := range s.Shards {
		sh := &s.Shards[i]
		c := acting(r, sh)
		bytes, qps := "-", "-"
		if c != nil && c.Measured {
			bytes, qps = units.FormatBytes(int64(c.Bytes)), strconv.FormatUint(c.QPS, 10)
		}
		state := "not known"
		if len(r.Health) > 0 {
			state = shardState(s, sh, c)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\n", cell(string(sh.ID)), quoteKey(sh.Start, "the first key"), quoteKey(sh.End, "the last key"),
			sh.Epoch, sh.Primary, names(sh.Replicas), bytes, qps, state)
	}
	if n := len(s.History); n > 0 && history > 0 {
		fmt.Fprintln(w, "\nFAILOVER\tSHARD\tFROM\tTO\tEPOCH\tSILENT\tTOOK\tWHY")
		for _, f := range s.History[max(0, n-history):] {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", f.Wall.Format(time.DateTime), cell(string(f.Shard)), f.From, f.To, f.Epoch,
				f.Silent.Round(time.Millisecond), f.Took.Round(time.Millisecond), f.Why)
		}
	}
	if len(silent) > 0 {
		fmt.Fprintln(w, "\nNo answer here:")
		for _, x := range silent {
			fmt.Fprintf(w, "  %s\n", x.Why)
		}
	}
	return w.Flush()
}

// cell prints a name that somebody has given so that it stays in its column.
func cell(name string) string {
	if quoted := strconv.Quote(name); quoted != `"`+name+`"` || strings.Contains(name, " ") {
		return quoted
	}
	return name
}

// holds counts a node's copies, and those that are primaries.
func holds(s *wire.ClusterState, id shardmap.NodeID) (copies, primaries int) {
	for i := range s.Shards {
		if s.Shards[i].HasReplica(id) {
			copies++
		}
		if s.Shards[i].Primary == id {
			primaries++
		}
	}
	return copies, primaries
}

// health is how a node is, as far as the failover manager knows.
func health(r *wire.AdminResult, m *wire.Member) string {
	switch {
	case m.State == wire.Removed:
		return "-"
	case m.Down:
		return "down"
	}
	at := slices.IndexFunc(r.Health, func(h wire.NodeHealth) bool { return h.Node == m.ID })
	switch {
	case at < 0:
		return "not known"
	case r.Health[at].Missed > 0:
		return fmt.Sprintf("%d missed, %s", r.Health[at].Missed, r.Health[at].State)
	case r.Health[at].Full:
		return "disk full"
	case r.Health[at].Heard == 0:
		return "not heard yet"
	case r.Health[at].State != wire.Normal:
		return r.Health[at].State.String()
	}
	return "well"
}

// acting is what the primary of a shard reports, nil if it doesn't act.
func acting(r *wire.AdminResult, sh *shardmap.Shard) *wire.CopyReport {
	for i := range r.Health {
		if r.Health[i].Node != sh.Primary {
			continue
		}
		for j := range r.Health[i].Copies {
			if c := &r.Health[i].Copies[j]; c.Shard == sh.ID && c.Acting {
				return c
			}
		}
	}
	return nil
}

func shardState(s *wire.ClusterState, sh *shardmap.Shard, c *wire.CopyReport) string {
	switch {
	case c == nil:
		return "no primary known to act"
	case sh.Heir != "":
		return "goes to " + string(sh.Heir)
	case sh.Origin != "":
		return "comes from " + string(sh.Origin)
	case len(c.InSync) < len(sh.Replicas):
		return fmt.Sprintf("%d of %d in sync", len(c.InSync), len(sh.Replicas))
	case uint64(len(sh.Replicas)) < s.Settings.Replicas:
		return "too few copies"
	}
	return "well"
}

func names(ids []shardmap.NodeID) string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = string(id)
	}
	return strings.Join(out, ",")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// quoteKey prints a key so that it stays on its line; an empty one stands for an end.
func quoteKey(key, end string) string {
	if key == "" {
		return end
	}
	return strconv.Quote(key)
}
