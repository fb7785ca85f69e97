package tuning_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/tuning"
	"github.com/shardquake/shardquake/internal/clock"
)

const (
	bytesKey  = "indices.recovery.max_bytes_per_sec"
	copiesKey = "cluster.routing.allocation.node_concurrent_recoveries"
)

// cluster has one recovery from n1 to n2, and settings.
type cluster struct {
	mu         sync.Mutex
	recovering bool
	cpu        int     // percent, of n1
	diskBusy   float64 // share of the time, of n1
	start      time.Time
	persistent map[string]string
}

func newCluster() *cluster {
	return &cluster{recovering: true, start: time.Now(), persistent: map[string]string{}}
}

func (c *cluster) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

// pace is what the two settings are set to.
func (c *cluster) pace() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.persistent[bytesKey] + " " + c.persistent[copiesKey]
}

func (c *cluster) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	rec := httptest.NewRecorder()
	rec.Header().Set("X-Elastic-Product", "Elasticsearch")
	rec.Header().Set("Content-Type", "application/json")
	c.mu.Lock()
	defer c.mu.Unlock()
	switch key := r.Method + " " + r.URL.Path; {
	case key == "GET /_recovery":
		text := "{}"
		if c.recovering {
			text = `{"logs":{"shards":[{"id":0,"type":"PEER","stage":"INDEX","source":{"name":"n1"},"target":{"name":"n2"},"index":{"size":{"total_in_bytes":1000}}}]}}`
		}
		_, _ = io.WriteString(rec, text)
	case strings.HasPrefix(key, "GET /_nodes/stats"):
		busy := 1 + int64(c.diskBusy*float64(time.Since(c.start).Milliseconds()))
		_, _ = fmt.Fprintf(rec, `{"nodes":{"a":{"name":"n1","os":{"cpu":{"percent":%d}},"fs":{"io_stats":{"total":{"io_time_in_millis":%d}}}},
			"b":{"name":"n2","os":{"cpu":{"percent":5}}},"c":{"name":"n3","os":{"cpu":{"percent":100}}}}}`, c.cpu, busy)
	case key == "GET /_cluster/settings":
		text, _ := json.Marshal(map[string]any{"persistent": c.persistent, "transient": map[string]string{}, "defaults": map[string]string{bytesKey: "40mb", copiesKey: "2"}})
		_, _ = rec.Write(text)
	case key == "PUT /_cluster/settings":
		var change struct{ Persistent map[string]*string }
		if err := json.NewDecoder(r.Body).Decode(&change); err != nil {
			return nil, err
		}
		for _, k := range slices.Sorted(maps.Keys(change.Persistent)) {
			if v := change.Persistent[k]; v != nil {
				c.persistent[k] = *v
			} else {
				delete(c.persistent, k)
			}
		}
		_, _ = io.WriteString(rec, `{"acknowledged":true}`)
	case strings.HasPrefix(key, "GET /_cat/shards"):
		_, _ = io.WriteString(rec, "[]")
	default:
		_, _ = io.WriteString(rec, `{"cluster_name":"fake","status":"green"}`)
	}
	return rec.Result(), nil
}

// tune runs a tuner in a controller, looking every 10 s, until the test ends.
func tune(t *testing.T, c *cluster, cfg tuning.Config) {
	t.Helper()
	cfg.Interval = 10 * time.Second
	tuner, err := tuning.New(cfg)
	require.NoError(t, err)
	clk := clock.NewReal(1)
	client, err := controller.NewClient(controller.ClientConfig{Clock: clk, Transport: c, Endpoints: []controller.Endpoint{{URL: "http://n1:9200"}}})
	require.NoError(t, err)
	ctl, err := controller.New(controller.Config{
		Clock: clk, Client: client, PolicyName: "none", SyncDelayInterval: -1, WatchOnly: true, PaceTuned: true, Parts: []controller.Part{tuner},
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- ctl.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	time.Sleep(5 * time.Second) // between two looks from here on
}

func TestRecoveriesGoFasterWhileNodesAreAtEaseAndAreThenPutBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster()
		c.cpu = 10
		tune(t, c, tuning.Config{})
		assert.Equal(t, " ", c.pace(), "one look is not enough")
		time.Sleep(10 * time.Second)
		assert.Equal(t, "83886080b 3", c.pace())
		time.Sleep(20 * time.Second)
		assert.Equal(t, "167772160b 4", c.pace())
		time.Sleep(5 * time.Minute)
		assert.Equal(t, "167772160b 4", c.pace(), "that is the top")
		c.set(func() { c.recovering = false })
		time.Sleep(20 * time.Second)
		assert.Equal(t, " ", c.pace())
	})
}

func TestRecoveriesSlowDownAboveEightyPercentCPU(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster()
		c.cpu = 80
		tune(t, c, tuning.Config{})
		time.Sleep(5 * time.Minute)
		assert.Equal(t, " ", c.pace(), "80 % is not above 80 %; nor is that ease")
		c.set(func() { c.cpu = 81 })
		time.Sleep(20 * time.Second)
		assert.Equal(t, "20971520b 1", c.pace())
		time.Sleep(5 * time.Minute)
		assert.Equal(t, "10485760b 1", c.pace(), "and no slower than a quarter")
		c.set(func() { c.cpu = 60 })
		time.Sleep(5 * time.Minute)
		assert.Equal(t, "10485760b 1", c.pace(), "between the marks nothing changes")
	})
}

func TestRecoveriesSlowDownAboveNinetyPercentDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster()
		c.cpu, c.diskBusy = 10, 0.95
		tune(t, c, tuning.Config{})
		time.Sleep(20 * time.Second)
		assert.Equal(t, "20971520b 1", c.pace())
	})
}

func TestAPersonsPaceIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster()
		c.cpu = 10
		tune(t, c, tuning.Config{})
		time.Sleep(10 * time.Second)
		c.set(func() { c.persistent[bytesKey] = "5mb" })
		time.Sleep(5 * time.Minute)
		assert.Equal(t, "5mb 4", c.pace(), "only the other setting is tuned on")
		c.set(func() { c.recovering = false })
		time.Sleep(time.Minute)
		assert.Equal(t, "5mb ", c.pace())
	})
}

func TestOutsideTheWindowsRecoveriesGoNoFasterThanNormal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // a bubble begins at midnight, UTC
		c := newCluster()
		c.cpu = 10
		night, err := tuning.ParseWindow("01:00-02:00")
		require.NoError(t, err)
		tune(t, c, tuning.Config{OffPeak: []tuning.Window{night}})
		time.Sleep(50 * time.Minute)
		assert.Equal(t, " ", c.pace())
		time.Sleep(20 * time.Minute)
		assert.Equal(t, "167772160b 4", c.pace())
		time.Sleep(time.Hour)
		assert.Equal(t, "40mb 2", c.pace(), "the window is over")
	})
}

func TestWindowsPassMidnight(t *testing.T) {
	at := func(text string) time.Time {
		v, err := time.Parse(time.RFC3339, "2024-05-01T"+text+"Z")
		require.NoError(t, err)
		return v
	}
	w, err := tuning.ParseWindow("22:00-06:00")
	require.NoError(t, err)
	for text, want := range map[string]bool{"21:59:59": false, "22:00:00": true, "23:59:59": true, "00:00:00": true, "05:59:59": true, "06:00:00": false} {
		assert.Equal(t, want, w.Holds(at(text)), text)
	}
	for _, bad := range []string{"", "22:00", "22:00-22:00", "25:00-26:00", "a-b", "22:00-06:00-07:00"} {
		_, err := tuning.ParseWindow(bad)
		assert.Error(t, err, bad)
	}
}

func FuzzParseWindow(f *testing.F) {
	f.Add("22:00-06:00")
	f.Add("00:00-24:00")
	f.Fuzz(func(t *testing.T, text string) {
		if w, err := tuning.ParseWindow(text); err == nil {
			assert.True(t, w.From >= 0 && w.From <= 24*time.Hour && w.To >= 0 && w.To <= 24*time.Hour && w.From != w.To)
		}
	})
}
