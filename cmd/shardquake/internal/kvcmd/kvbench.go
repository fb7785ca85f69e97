package kvcmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/kvcluster/client"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// kvBenchPrefix begins the keys of a benchmark.
const kvBenchPrefix = "shardquake-bench/"

// kvBenchFlags are the words of a benchmark.
type kvBenchFlags struct {
	*kvFlags
	clients  []int
	duration time.Duration
	size     int
	keys     int
	level    string
	asJSON   bool
}

// kvMeasured is how one kind of operation went with so many clients.
type kvMeasured struct {
	Operation string  `json:"operation"`
	Clients   int     `json:"clients"`
	Done      int     `json:"done"`
	Failed    int     `json:"failed"`
	PerSecond float64 `json:"per_second"`
	MeanMS    float64 `json:"mean_ms"`
	P50MS     float64 `json:"p50_ms"`
	P99MS     float64 `json:"p99_ms"`
	P999MS    float64 `json:"p999_ms"`
}

func newKVBenchCommand(shared *kvFlags) *cobra.Command {
	f := kvBenchFlags{kvFlags: shared}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure throughput and latency of puts and gets",
		Long: `Bench measures the running cluster that the address book names: for each number of
clients, puts for a while and then gets, each client one operation at a time on random keys.
The keys, which begin with ` + kvBenchPrefix + `, are removed at the end.`,
		Example: `  shardquake kv bench --clients 1,16,128 --duration 10s`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	flags.IntSliceVar(&f.clients, "clients", []int{1, 16, 128}, "how many clients at a time")
	flags.DurationVar(&f.duration, "duration", 5*time.Second, "how long each measurement takes")
	flags.IntVar(&f.size, "value-size", 100, "bytes of a value")
	flags.IntVar(&f.keys, "keys", 10000, "how many keys there are")
	flags.BoolVar(&f.asJSON, "json", false, "print the figures as JSON")
	levelFlag(cmd, &f.level)
	return cmd
}

func (f *kvBenchFlags) check() error {
	for _, n := range f.clients {
		if n < 1 || n > 10000 {
			return fmt.Errorf("--clients %d: expected 1 to 10000", n)
		}
	}
	switch {
	case len(f.clients) == 0:
		return errors.New("--clients: expected at least one number")
	case f.duration <= 0:
		return fmt.Errorf("--duration %v: expected a time above 0", f.duration)
	case f.size < 1 || f.size > wire.MaxValue:
		return fmt.Errorf("--value-size %d: expected 1 to %d", f.size, wire.MaxValue)
	case f.keys < 1 || f.keys > 100_000_000:
		return fmt.Errorf("--keys %d: expected 1 to 100000000", f.keys)
	}
	return nil
}

func (f *kvBenchFlags) run(cmd *cobra.Command) error {
	if err := f.check(); err != nil {
		return exit.Usage(err)
	}
	return f.database(cmd, f.level, func(ctx context.Context, s *kvSession) (err error) {
		defer func() { err = errors.Join(err, f.sweep(context.WithoutCancel(ctx), s)) }()
		var all []kvMeasured
		for _, n := range f.clients {
			for _, operation := range []string{"put", "get"} {
				m, err := f.measure(ctx, s, operation, n)
				if err != nil {
					return err
				}
				all = append(all, m)
			}
		}
		if f.asJSON {
			out := json.NewEncoder(cmd.OutOrStdout())
			out.SetIndent("", "  ")
			return out.Encode(all)
		}
		return printMeasured(cmd.OutOrStdout(), all)
	})
}

// measure lets so many clients do an operation until the time is over.
func (f *kvBenchFlags) measure(ctx context.Context, s *kvSession, operation string, clients int) (kvMeasured, error) {
	value := make([]byte, f.size)
	for i := range value {
		value[i] = byte('a' + rand.IntN(26))
	}
	if _, err := s.db.Put(ctx, f.key(), value, s.options...); err != nil { // opens the connections, too
		return kvMeasured{}, err
	}
	took, failed := make([][]time.Duration, clients), make([]int, clients)
	began := time.Now()
	end := began.Add(f.duration)
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for now := time.Now(); now.Before(end) && ctx.Err() == nil; {
				var err error
				if operation == "put" {
					_, err = s.db.Put(ctx, f.key(), value, s.options...)
				} else {
					_, err = s.db.Get(ctx, f.key(), s.options...)
				}
				then := now
				now = time.Now()
				if err != nil {
					failed[c]++
					continue
				}
				took[c] = append(took[c], now.Sub(then))
			}
		})
	}
	all.Wait()
	m := summarise(slices.Concat(took...), time.Since(began))
	m.Operation, m.Clients = operation, clients
	for _, n := range failed {
		m.Failed += n
	}
	return m, ctx.Err()
}

func (f *kvBenchFlags) key() string { return fmt.Sprintf("%s%08d", kvBenchPrefix, rand.IntN(f.keys)) }

func summarise(took []time.Duration, over time.Duration) kvMeasured {
	m := kvMeasured{Done: len(took), PerSecond: float64(len(took)) / over.Seconds()}
	if len(took) == 0 {
		return m
	}
	slices.Sort(took)
	var sum time.Duration
	for _, d := range took {
		sum += d
	}
	ms := func(d time.Duration) float64 { return float64(d.Round(time.Microsecond)) / float64(time.Millisecond) }
	at := func(share float64) float64 { return ms(took[min(len(took)-1, int(share*float64(len(took))))]) }
	m.MeanMS, m.P50MS, m.P99MS, m.P999MS = ms(sum/time.Duration(len(took))), at(0.5), at(0.99), at(0.999)
	return m
}

func printMeasured(out io.Writer, all []kvMeasured) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "OPERATION\tCLIENTS\tPER SECOND\tMEAN MS\tP50\tP99\tP99.9\tFAILED\t")
	for _, m := range all {
		fmt.Fprintf(w, "%s\t%d\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\t%d\t\n", m.Operation, m.Clients, m.PerSecond, m.MeanMS, m.P50MS, m.P99MS, m.P999MS, m.Failed)
	}
	return w.Flush()
}

// sweepTimeout is how long the removal of a benchmark's keys may take.
const sweepTimeout = time.Minute

// sweep removes the keys of the benchmark.
func (f *kvBenchFlags) sweep(ctx context.Context, s *kvSession) error {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	for {
		items, err := s.db.Scan(ctx, kvBenchPrefix, kvBenchPrefix+"~", 1000, client.Within(s.limit))
		if err != nil {
			return fmt.Errorf("removing the keys of the benchmark: %w", err)
		}
		if len(items) == 0 {
			return nil
		}
		var ops []wire.Op
		for _, i := range items {
			ops = append(ops, wire.Op{Kind: wire.Delete, Key: i.Key})
		}
		if err := s.db.Batch(ctx, ops, client.Within(s.limit)); err != nil {
			return fmt.Errorf("removing the keys of the benchmark: %w", err)
		}
	}
}
