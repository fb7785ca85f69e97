package kvcmd

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/kvcluster/balance"
	"github.com/shardquake/shardquake/kvcluster/client"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// kvSetting is a setting of the cluster as text.
type kvSetting struct {
	name, about string
	get         func(*wire.Settings) string
	set         func(*wire.Settings, string) error
}

// kvSettings are all settings of a cluster.
func kvSettings() []kvSetting {
	return []kvSetting{
		countSetting("replicas", "copies of each shard", func(s *wire.Settings) *uint64 { return &s.Replicas }),
		levelSetting("read-level", "level of reads that name none", func(s *wire.Settings) *wire.Level { return &s.ReadLevel }),
		levelSetting("write-level", "level of writes that name none", func(s *wire.Settings) *wire.Level { return &s.WriteLevel }),
		strategySetting("strategy", "how clients choose the copy for a read at level one"),
		countSetting("voters", "nodes of the metadata group", func(s *wire.Settings) *uint64 { return &s.Voters }),
		spanSetting("heartbeat", "how often nodes say that they live", func(s *wire.Settings) *time.Duration { return &s.Heartbeat }),
		countSetting("failure-threshold", "missed heartbeats in a row that are a failure", func(s *wire.Settings) *uint64 { return &s.FailureThreshold }),
		countSetting("recovery-threshold", "heartbeats in a row that end it", func(s *wire.Settings) *uint64 { return &s.RecoveryThreshold }),
		switchSetting("manual-failover", "nothing is promoted unasked", func(s *wire.Settings) *bool { return &s.ManualFailover }),
		spanSetting("replace-after", "how long a node is down before its copies are made elsewhere", func(s *wire.Settings) *time.Duration { return &s.ReplaceAfter }),
		switchSetting("manual-balance", "no splits, merges and moves by size and load", func(s *wire.Settings) *bool { return &s.ManualBalance }),
		spanSetting("balance-every", "how often size and load are looked at", func(s *wire.Settings) *time.Duration { return &s.BalanceEvery }),
		sizeSetting("split-bytes", "size above which a shard is split", func(s *wire.Settings) *uint64 { return &s.SplitBytes }),
		countSetting("split-qps", "operations a second above which a shard is split", func(s *wire.Settings) *uint64 { return &s.SplitQPS }),
		sizeSetting("merge-bytes", "size below which neighbours become one", func(s *wire.Settings) *uint64 { return &s.MergeBytes }),
		countSetting("merge-qps", "operations a second below which neighbours become one", func(s *wire.Settings) *uint64 { return &s.MergeQPS }),
		countSetting("move-percent", "how much more than the mean moves a copy, in percent", func(s *wire.Settings) *uint64 { return &s.MovePercent }),
		countSetting("max-moves", "how many shards change their copies at a time", func(s *wire.Settings) *uint64 { return &s.MaxMoves }),
	}
}

func countSetting(name, about string, at func(*wire.Settings) *uint64) kvSetting {
	return kvSetting{name, about,
		func(s *wire.Settings) string { return strconv.FormatUint(*at(s), 10) },
		func(s *wire.Settings, text string) error {
			n, err := strconv.ParseUint(text, 10, 63)
			if err != nil || n == 0 {
				return fmt.Errorf("%q: expected a number above 0", text)
			}
			*at(s) = n
			return nil
		}}
}

func sizeSetting(name, about string, at func(*wire.Settings) *uint64) kvSetting {
	return kvSetting{name, about,
		func(s *wire.Settings) string { return units.FormatBytes(int64(*at(s))) },
		func(s *wire.Settings, text string) error {
			size, err := units.ParseSize(text)
			if err != nil {
				return err
			}
			if size <= 0 {
				return fmt.Errorf("%q: expected a size above 0", text)
			}
			*at(s) = uint64(size)
			return nil
		}}
}

func spanSetting(name, about string, at func(*wire.Settings) *time.Duration) kvSetting {
	return kvSetting{name, about,
		func(s *wire.Settings) string { return at(s).String() },
		func(s *wire.Settings, text string) error {
			d, err := time.ParseDuration(text)
			if err != nil || d <= 0 {
				return fmt.Errorf("%q: expected a time above 0, such as 5s", text)
			}
			*at(s) = d
			return nil
		}}
}

func switchSetting(name, about string, at func(*wire.Settings) *bool) kvSetting {
	return kvSetting{name, about,
		func(s *wire.Settings) string { return strconv.FormatBool(*at(s)) },
		func(s *wire.Settings, text string) error {
			on, err := strconv.ParseBool(text)
			if err != nil {
				return fmt.Errorf("%q: expected true or false", text)
			}
			*at(s) = on
			return nil
		}}
}

func levelSetting(name, about string, at func(*wire.Settings) *wire.Level) kvSetting {
	return kvSetting{name, about,
		func(s *wire.Settings) string { return at(s).String() },
		func(s *wire.Settings, text string) error {
			l, err := client.ParseLevel(text)
			if err != nil {
				return err
			}
			*at(s) = l
			return nil
		}}
}

func strategySetting(name, about string) kvSetting {
	return kvSetting{name, about,
		func(s *wire.Settings) string { return balance.Strategy(s.Strategy).String() },
		func(s *wire.Settings, text string) error {
			chosen, err := balance.ParseStrategy(text)
			if err != nil {
				return err
			}
			s.Strategy = uint8(chosen)
			return nil
		}}
}

func newKVSettingsCommand(f *kvFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "settings [NAME=VALUE]…",
		Short: "Show the settings of the cluster, or change some while it runs",
		Example: `  shardquake kv settings
  shardquake kv settings replicas=5 heartbeat=1s strategy=least-connections`,
		RunE: func(cmd *cobra.Command, args []string) error {
			all := kvSettings()
			change := func(s *wire.Settings) error { return applySettings(all, s, args) }
			if err := change(&wire.Settings{}); err != nil { // before anybody is asked
				return exit.Usage(err)
			}
			return f.administer(cmd, func(ctx context.Context, a *kvAdmin) error {
				r, err := a.state(ctx)
				if err != nil {
					return err
				}
				settings := r.State.Settings
				if len(args) > 0 {
					if err := change(&settings); err != nil {
						return exit.Usage(err)
					}
					if _, err := a.ask(ctx, wire.Command{Kind: wire.ChangeSettings, Settings: &settings}); err != nil {
						return err
					}
				}
				w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				for _, s := range all {
					fmt.Fprintf(w, "%s\t%s\t%s\n", s.name, s.get(&settings), s.about)
				}
				return w.Flush()
			})
		},
	}
}

// applySettings sets what words like replicas=5 say.
func applySettings(all []kvSetting, to *wire.Settings, words []string) error {
	for _, word := range words {
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			return fmt.Errorf("%q: expected name=value", word)
		}
		found := false
		var names []string
		for _, s := range all {
			names = append(names, s.name)
			if s.name != name {
				continue
			}
			found = true
			if err := s.set(to, value); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		if !found {
			if nearest := source.Nearest(name, names); nearest != "" {
				return fmt.Errorf("there is no setting %q; did you mean %s?", name, nearest)
			}
			return fmt.Errorf("there is no setting %q; kv settings lists those there are", name)
		}
	}
	return nil
}
