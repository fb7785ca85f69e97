package catalog_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/integration"
	"github.com/shardquake/shardquake/integration/kvproc"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
)

var update = flag.Bool("update", false, "write the tables of docs/scenarios.md anew")

const scenariosDoc = "../../docs/scenarios.md"

// onEach is whether backends can do a kind of fault.
type onEach struct {
	sim, real bool
	reasons   []string // why not
}

// elsewhere are containers on a machine that has all they need.
type elsewhere struct{ *integration.Backend }

func (elsewhere) Offers(context.Context, scenarios.ClusterSpec) (chaos.Target, error) {
	return integration.Capabilities(), nil
}

// offers are what the backends of a system say they can do. The word of the real ones on
// whether they can run here at all is left out.
func offers(t *testing.T, s *scenarios.Scenario) (sim, real chaos.Target) {
	t.Helper()
	b, err := catalog.Backend("sim")
	require.NoError(t, err)
	sim, err = scenarios.Offered(context.Background(), b, s)
	require.NoError(t, err)
	var backend scenarios.Backend = &kvproc.Backend{Command: []string{"shardquake"}}
	if s.System == chaos.Elasticsearch {
		backend = elsewhere{&integration.Backend{}}
	}
	real, err = scenarios.Offered(context.Background(), backend, s)
	require.NoError(t, err)
	return sim, real
}

// support asks the backends about every fault of the scenario that has each kind.
func support(t *testing.T, system, file string) map[string]*onEach {
	t.Helper()
	s, err := scenarios.Load(file, nil, catalog.Vocabulary())
	require.NoError(t, err)
	require.Equal(t, system, s.System)
	sim, real := offers(t, s.Scenario)
	out := map[string]*onEach{}
	for _, e := range s.Faults {
		k := out[e.Fault.Kind()]
		if k == nil {
			k = &onEach{}
			out[e.Fault.Kind()] = k
		}
		k.sim = k.sim || chaos.Supports(e.Fault, sim, s.Topology()) == nil
		err := chaos.Supports(e.Fault, real, s.Topology())
		k.real = k.real || err == nil
		if err != nil {
			assert.ErrorIs(t, err, chaos.ErrUnsupported)
			k.reasons = append(k.reasons, reason(err))
		}
	}
	return out
}

// reason is the end of "unsupported fault: KIND: PRIMITIVE: REASON".
func reason(err error) string {
	parts := strings.SplitN(err.Error(), ": ", 4)
	return parts[len(parts)-1]
}

// kindsTable says of each kind where it can be had.
func kindsTable(t *testing.T) string {
	t.Helper()
	systems := []struct{ name, file string }{
		{chaos.Elasticsearch, "../../scenarios/scenariotest/testdata/every-fault.yaml"},
		{chaos.KeyValue, "../../scenarios/scenariotest/testdata/every-fault-kv.yaml"},
	}
	var on []map[string]*onEach
	for _, s := range systems {
		on = append(on, support(t, s.name, s.file))
	}
	var out strings.Builder
	out.WriteString("| fault | `elasticsearch` simulated | real | `kv` simulated | real |\n|---|---|---|---|---|\n")
	for _, k := range chaos.Kinds() {
		fmt.Fprintf(&out, "| `%s` |", k.Name)
		for i, s := range systems {
			here := on[i][k.Name]
			if !k.For(s.name) {
				out.WriteString(" – | – |")
				continue
			}
			require.NotNil(t, here, "%s is not in %s", k.Name, s.file)
			assert.True(t, here.sim, "%s on the simulator, system %s", k.Name, s.name)
			out.WriteString(" yes |" + word(here) + " |")
		}
		out.WriteString("\n")
	}
	return out.String()
}

// word says whether a real backend can do it: yes, no with the reason, or what not.
func word(on *onEach) string {
	reasons := slices.Compact(on.reasons)
	switch {
	case !on.real:
		return " no: " + strings.Join(reasons, "; ")
	case len(reasons) > 0:
		return " yes, but: " + strings.Join(reasons, "; ")
	}
	return " yes"
}

func TestTheDocsSayOfAllKindsOfFaultsWhereTheyCanBeHad(t *testing.T) {
	doc, err := os.ReadFile(scenariosDoc)
	require.NoError(t, err)
	text := string(doc)
	begin := strings.Index(text, "<!-- kinds:begin")
	require.NotEqual(t, -1, begin)
	begin += strings.Index(text[begin:], "-->") + len("-->\n")
	end := strings.Index(text, "<!-- kinds:end -->")
	require.Greater(t, end, 0)
	want := kindsTable(t)
	if *update {
		require.NoError(t, os.WriteFile(scenariosDoc, []byte(text[:begin]+want+text[end:]), 0o644))
		return
	}
	assert.Equal(t, want, text[begin:end], "go test ./internal/catalog -run Kinds -update writes it anew")
	written := text[:begin] + text[end:] // the parameters stand elsewhere
	for _, k := range chaos.Kinds() {
		assert.True(t, strings.Contains(written, "`"+k.Name+"`") || strings.Contains(written, "`"+k.Name+":"), "the parameters of %s are not documented", k.Name)
	}
}

func TestTheSchemaHasAllKindsOfFaults(t *testing.T) {
	schema, err := scenarios.Schema(catalog.Vocabulary())
	require.NoError(t, err)
	for _, k := range chaos.Kinds() {
		assert.Contains(t, string(schema), fmt.Sprintf("%q", k.Name))
		assert.Contains(t, string(schema), k.About)
	}
}

func TestWhatARunRefusesCheckRefusesToo(t *testing.T) {
	s, err := scenarios.Load("kv-node-lost", []string{"faults=[{at: 5s, link: {between: [n1], and: [n2], bandwidth: 1mb/s, per-connection: true}}]", "expect=[{copies-converge: end}]"}, catalog.Vocabulary())
	require.NoError(t, err)
	b, err := catalog.Backend("sim")
	require.NoError(t, err)
	refused := scenarios.Supported(context.Background(), b, s.Scenario)
	require.ErrorIs(t, refused, scenarios.ErrUnavailable)
	_, err = (&scenarios.Runner{Backend: b}).Run(t.Context(), s, scenarios.Options{})
	assert.Equal(t, refused.Error(), err.Error())
	assert.True(t, errors.Is(err, chaos.ErrUnsupported))
}
