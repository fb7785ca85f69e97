package catalog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/shardquake/shardquake/controller/lease"
	"github.com/shardquake/shardquake/controller/policy"
	"github.com/shardquake/shardquake/controller/recovery"
	"github.com/shardquake/shardquake/controller/tuning"
	"github.com/shardquake/shardquake/integration"
	"github.com/shardquake/shardquake/integration/kvproc"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/es"
	"github.com/shardquake/shardquake/scenarios/expectations"
	"github.com/shardquake/shardquake/scenarios/kv"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/backend"
	"github.com/shardquake/shardquake/sim/elastic/restapi"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
	simkv "github.com/shardquake/shardquake/sim/kv"
)

// Backend returns the backend of a name: sim or real.
func Backend(name string) (scenarios.Backend, error) {
	switch name {
	case "sim":
		return &bySystem{name, map[string]scenarios.Backend{elasticsearch: simulatedElastic(), keyValue: &simkv.Backend{}}}, nil
	case "real":
		return &bySystem{name, map[string]scenarios.Backend{elasticsearch: &integration.Backend{}, keyValue: &kvproc.Backend{}}}, nil
	}
	return nil, errors.New(source.Unknown("backend", name, []string{"sim", "real"}))
}

// The systems, as scenario files call them.
const (
	elasticsearch = "elasticsearch"
	keyValue      = "kv"
)

// simulatedElastic is the simulated backend of Elasticsearch clusters.
func simulatedElastic() *backend.Backend {
	return backend.NewBackend(func(c *elastic.Cluster) func(viewer string) http.RoundTripper {
		return restapi.New(c).RoundTripper
	})
}

// Clean removes what real runs left behind and names it.
func Clean(ctx context.Context) ([]string, error) {
	folders, err := kvproc.Clean()
	containers, failed := integration.Clean(ctx)
	return append(folders, containers...), errors.Join(err, failed)
}

// Vocabulary is what scenario files may name.
func Vocabulary() scenarios.Vocabulary {
	v := scenarios.Vocabulary{Systems: []scenarios.System{es.System{}, kv.System{}}, Common: expectations.Common(), Quantities: reports.ScoreNames(), CheckSetting: checkSetting, CheckIndices: checkIndices, CheckControl: checkControl}
	for _, r := range policy.Registry() {
		v.Policies = append(v.Policies, r.Name)
	}
	for _, a := range []policy.Action{
		policy.Rebalance, policy.Optimize, policy.Move, policy.Hold, policy.Release,
		lease.TakeLead, lease.TakeOver, lease.StandDown, tuning.SlowDown, tuning.SpeedUp, tuning.PutBack,
	} {
		v.Actions = append(v.Actions, string(a))
	}
	for _, a := range recovery.Actions() {
		v.Actions = append(v.Actions, string(a))
	}
	return v
}

// checkSetting says what Elasticsearch would say of a setting.
func checkSetting(key, value string, index bool) error {
	registry := settings.ClusterRegistry()
	if index {
		registry = settings.IndexRegistry()
		if !strings.HasPrefix(key, "index.") {
			return fmt.Errorf("%q is not a setting of an index; those begin with \"index.\"", key)
		}
	}
	entry := registry.Lookup(key)
	if entry == nil && settings.Foreign(key) {
		return nil // kept, and told as not simulated
	}
	if entry == nil {
		return errors.New(registry.Unknown(key))
	}
	return entry.Check(key, value)
}

// OtherVersions says which nodes of a scenario run another version than the one that is
// simulated; "": none does.
func OtherVersions(s *scenarios.Scenario) string {
	return es.OtherVersions(s.ClusterSpec(), state.Modelled.String())
}

// Unsimulated are the settings of a scenario's cluster that the simulator does not go by.
func Unsimulated(s *scenarios.Scenario) []string {
	all := maps.Clone(s.Cluster.Settings)
	if all == nil {
		all = make(map[string]string)
	}
	for _, ix := range s.Cluster.Indices {
		maps.Copy(all, ix.Settings)
	}
	maps.Copy(all, s.ChangedSettings())
	return settings.Unsimulated(all)
}
