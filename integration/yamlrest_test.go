package integration

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/integration/yamlrest"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/restapi"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

var (
	yamlJar    = flag.String("yaml-jar", "", "file with the YAML REST tests, instead of the one on Maven Central")
	yamlSuites = flag.String("yaml-suites", "", "only suites whose names begin so, separated by commas")
	recordYAML = flag.Bool("record-yaml", false, "write down which YAML REST tests a live node passes instead of comparing with it")
	yamlWhole  = flag.Bool("yaml-whole", false, "play all suites on a live node instead of a sample")
	yamlReport = flag.String("yaml-report", "", "file for a line per test")
)

// yamlSpec are Elasticsearch's own tests. Where they can't be had the test is skipped, or fails
// where tests must not be skipped, as in CI.
func yamlSpec(t *testing.T) *yamlrest.Spec {
	if *yamlJar != "" {
		text, err := os.ReadFile(*yamlJar)
		require.NoError(t, err)
		spec, err := yamlrest.Read(text)
		require.NoError(t, err)
		return spec
	}
	spec, err := yamlrest.Fetch(t.Context())
	if err != nil && (os.Getenv("SHARDQUAKE_REQUIRE_DOCKER") == "1" || os.Getenv("CI") != "") {
		t.Fatalf("Elasticsearch's YAML REST tests can't be had: %v", err)
	}
	if err != nil {
		t.Skipf("SKIPPED: Elasticsearch's YAML REST tests can't be had: %v", err)
	}
	return spec
}

// served reports whether a suite is of an area that the simulator serves.
func served(suite string) bool {
	if yamlrest.LeftOut(suite) != "" {
		return false
	}
	if *yamlSuites == "" {
		return true
	}
	for prefix := range strings.SplitSeq(*yamlSuites, ",") {
		if strings.HasPrefix(suite, prefix) {
			return true
		}
	}
	return false
}

// playAll plays the suites of the areas served.
func playAll(t *testing.T, ctx context.Context, r *yamlrest.Runner) []yamlrest.Outcome {
	return play(t, ctx, r, served)
}

func play(t *testing.T, ctx context.Context, r *yamlrest.Runner, wanted func(suite string) bool) []yamlrest.Outcome {
	var all []yamlrest.Outcome
	for _, s := range r.Spec.Suites {
		if !wanted(s.Name) {
			continue
		}
		out, err := r.Run(ctx, s)
		all = append(all, out...)
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
			return all
		}
	}
	return all
}

// onSimulator plays the tests on a simulated node.
func onSimulator(t *testing.T, spec *yamlrest.Spec) (out []yamlrest.Outcome) {
	e := sim.NewEngine(sim.Config{Seed: 1})
	t.Cleanup(func() { _ = e.Close() })
	cfg := elastic.Config{Engine: e, Network: e.NewNetwork(e.NewFluid()), ClusterName: "yaml", Distribution: elastic.MinimalDistribution, Ageing: metadata.NewAgeing}
	cfg.Nodes = []elastic.NodeConfig{{
		Name: "n1", DiskBytes: 100 << 30, Latency: 100 * time.Microsecond, Attributes: []state.Attribute{{Name: "testattr", Value: "test"}},
		Settings: settings.Of(map[string]string{repoSetting: "/tmp"}),
	}}
	cfg.Network.AddEndpoint("client", sim.EndpointSpec{Latency: 100 * time.Microsecond})
	c, err := elastic.New(cfg)
	require.NoError(t, err)
	client := restapi.New(c).RoundTripper("client")
	c.Start()
	require.NoError(t, e.RunUntil(func() bool {
		return c.Nodes()[0].Serving() && c.Nodes()[0].Applied().Master != ""
	}, sim.Time(5*time.Minute)))
	p := e.Go("yaml", func(ctx context.Context) {
		out = playAll(t, ctx, &yamlrest.Runner{Spec: spec, Ask: asker(client, "http://n1:9200")})
	})
	require.NoError(t, e.RunUntil(p.Done, sim.Time(100*time.Hour)))
	return out
}

// onNode plays the tests on a live node.
func onNode(t *testing.T, spec *yamlrest.Spec) []yamlrest.Outcome {
	ctx := requireDocker(t)
	c, err := Start(ctx, Options{
		ClusterName:     "yaml",
		Nodes:           []NodeSpec{{Name: "n1", DiskBytes: 256 << 20, Attributes: map[string]string{"testattr": "test"}}},
		ClusterSettings: map[string]string{repoSetting: "/tmp"},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close(context.WithoutCancel(ctx))) })
	require.NoError(t, c.AwaitFormed(ctx))
	node := &yamlrest.Runner{Spec: spec, Ask: asker(http.DefaultTransport, c.DirectURL("n1"))}
	if *yamlWhole || *recordYAML || *yamlSuites != "" {
		return playAll(t, ctx, node)
	}
	ctx, cancel := context.WithTimeout(ctx, sampleTime)
	defer cancel()
	return play(t, ctx, node, func(suite string) bool { return served(suite) && slices.Contains(yamlrest.Sample, suite) })
}

// sampleTime bounds the sample that is played on a live node: it takes seconds.
const sampleTime = 3 * time.Minute

// asker sends requests through a transport.
func asker(transport http.RoundTripper, base string) yamlrest.Ask {
	return func(ctx context.Context, method, uri string, header http.Header, body []byte) (yamlrest.Reply, error) {
		req, err := http.NewRequestWithContext(ctx, method, base+uri, bytes.NewReader(body))
		if err != nil {
			return yamlrest.Reply{}, err
		}
		req.Header = header.Clone()
		if len(body) == 0 {
			req.Header.Del("Content-Type")
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			return yamlrest.Reply{}, err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		return yamlrest.Reply{Status: resp.StatusCode, JSON: strings.Contains(resp.Header.Get("Content-Type"), "json"), Body: text}, err
	}
}

// reportYAML writes a line per test where that was asked for.
func reportYAML(t *testing.T, out []yamlrest.Outcome) {
	if *yamlReport == "" {
		return
	}
	var text strings.Builder
	for _, o := range out {
		result := "pass"
		switch {
		case o.Skipped != "":
			result = "skip " + o.Skipped
		case o.Failed != "":
			result = "fail " + strings.ReplaceAll(o.Failed, "\n", " ")
		}
		fmt.Fprintf(&text, "%s\t%s\t%s\n", o.Suite, o.Test, result)
	}
	require.NoError(t, os.WriteFile(*yamlReport, []byte(text.String()), 0o644))
}

// What a live node passes the simulator passes too, but for what is listed with its reason.
func TestTheSimulatorPassesTheYAMLTestsThatALiveNodePasses(t *testing.T) {
	out := onSimulator(t, yamlSpec(t))
	reportYAML(t, out)
	live, known := yamlrest.LivePasses(), yamlrest.Known()
	passed, of := 0, 0
	for _, o := range out {
		name := yamlrest.Name{Suite: o.Suite, Test: o.Test}
		if !live[name] {
			continue
		}
		of++
		switch {
		case o.Failed == "" && known[name] != "":
			t.Errorf("%s: %s: it passes now; it stands among those that are known not to (%s)", o.Suite, o.Test, known[name])
			passed++
		case o.Failed == "":
			passed++
		case known[name] == "":
			t.Errorf("%s: %s: %s", o.Suite, o.Test, o.Failed)
		}
	}
	t.Logf("of %d tests that a live node passes the simulator passes %d", of, passed)
	if *yamlSuites == "" {
		assert.Equal(t, len(live), of, "the tests that were recorded are all there")
	}
}

// A live node passes what was recorded of one: of a sample, or with -yaml-whole of all.
func TestALiveNodePassesTheYAMLTestsThatWereRecorded(t *testing.T) {
	out := onNode(t, yamlSpec(t))
	reportYAML(t, out)
	live := yamlrest.LivePasses()
	require.NotEmpty(t, out)
	var text strings.Builder
	for _, o := range out {
		passes := o.Failed == "" && o.Skipped == ""
		if passes {
			fmt.Fprintf(&text, "%s\t%s\n", o.Suite, o.Test)
		}
		if name := (yamlrest.Name{Suite: o.Suite, Test: o.Test}); live[name] && !passes && !*recordYAML {
			t.Errorf("%s: %s: %s", o.Suite, o.Test, o.Failed)
		}
	}
	if *recordYAML {
		require.NoError(t, os.WriteFile(filepath.Join("yamlrest", yamlrest.PassesFile), []byte(text.String()), 0o644))
	}
}
