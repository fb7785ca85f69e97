package integration

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios/es"
)

const (
	loadWorkers = 3       // bulk requests in flight
	bulkTarget  = 1 << 20 // bytes of a bulk request, about
	greenWait   = 2 * time.Minute
	mergeWait   = time.Minute
	lookAtMerge = 250 * time.Millisecond
)

// LoadData implements [scenarios.Cluster]. Indices without a placement come first and
// are placed by the allocator; then allocation is held and the others are placed copy by
// copy.
func (c *realCluster) LoadData(ctx context.Context, indices []es.IndexSpec) error {
	var placed []es.IndexSpec
	for _, ix := range indices {
		if ix.Placement != nil {
			placed = append(placed, ix)
			continue
		}
		wait := "1"
		if c.spec.Calm {
			wait = "0"
		}
		if err := c.createIndex(ctx, ix, wait); err != nil {
			return err
		}
	}
	if err := c.awaitLoaded(ctx); err != nil {
		return err
	}
	if len(placed) > 0 {
		if err := c.holdPlacements(ctx); err != nil {
			return fmt.Errorf("holding placements: %w", err)
		}
	}
	for _, ix := range placed {
		if err := c.createIndex(ctx, ix, "0"); err != nil {
			return err
		}
		if err := c.place(ctx, ix); err != nil {
			return fmt.Errorf("placing index %s as %v: %w", ix.Name, ix.Placement, err)
		}
	}
	for _, ix := range indices {
		if err := c.fill(ctx, ix); err != nil {
			return fmt.Errorf("filling index %s: %w", ix.Name, err)
		}
	}
	if len(indices) > 0 {
		if err := c.awaitMerged(ctx); err != nil {
			return err
		}
	}
	if err := c.awaitLoaded(ctx); err != nil {
		return err
	}
	if len(placed) > 0 {
		return c.forgetDesiredBalance(ctx)
	}
	return nil
}

// awaitMerged waits until no segment of what was loaded is being merged: a merge of one's own
// making would read files, write as many again and free them, in the midst of what is watched
// from t=0. One look may fall between two merges; two in a row count.
func (c *realCluster) awaitMerged(ctx context.Context) error {
	quiet := 0
	err := poll(ctx, mergeWait, lookAtMerge, "merging what was loaded", func() error {
		var answer struct {
			All struct {
				Total struct {
					Merges struct {
						Current int `json:"current"`
					} `json:"merges"`
				} `json:"total"`
			} `json:"_all"`
		}
		if err := c.rest.get(ctx, c.anyURL()+"/_stats/merge?filter_path=_all.total.merges.current", &answer); err != nil {
			return err
		}
		if n := answer.All.Total.Merges.Current; n > 0 {
			quiet = 0
			return fmt.Errorf("%d go on", n)
		}
		if quiet++; quiet < 2 {
			return errors.New("one look is not enough")
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		c.note("%v; segments may change for that reason after t=0", err)
		return nil
	}
	return err
}

// forgetDesiredBalance makes the master take the copies' places as its starting point.
// It had its own idea of them when the index was created, and would return to that on
// Release, with more moves than the placement described calls for.
func (c *realCluster) forgetDesiredBalance(ctx context.Context) error {
	if err := c.rest.send(ctx, http.MethodDelete, c.anyURL()+"/_internal/desired_balance", nil, nil); err != nil {
		return fmt.Errorf("starting from the placement described: %w", err)
	}
	return nil
}

// createIndex makes an empty index. Documents carry no indexed fields and no mapping
// changes: what is studied is shards, not search.
func (c *realCluster) createIndex(ctx context.Context, ix es.IndexSpec, waitForActive string) error {
	settings := map[string]string{}
	maps.Copy(settings, c.indexSettings)
	maps.Copy(settings, ix.Settings)
	settings["index.number_of_shards"] = settingInt(ix.Shards)
	settings["index.number_of_replicas"] = settingInt(ix.Replicas)
	body := map[string]any{"settings": settings, "mappings": map[string]any{"dynamic": false}}
	url := fmt.Sprintf("%s/%s?wait_for_active_shards=%s", c.anyURL(), ix.Name, waitForActive)
	if err := c.rest.send(ctx, http.MethodPut, url, body, nil); err != nil {
		var said *statusError
		if errors.As(err, &said) && said.status == http.StatusBadRequest {
			return &es.Refused{Index: ix.Name, Err: said}
		}
		return fmt.Errorf("creating index %s: %w", ix.Name, err)
	}
	return nil
}

// calmFor is for how long nothing recovers where nothing more is to be expected.
const calmFor = 2 * time.Second

// awaitLoaded waits until the copies are where they will be: all of them, or those that can
// be anywhere.
func (c *realCluster) awaitLoaded(ctx context.Context) error {
	if !c.spec.Calm {
		return c.awaitGreen(ctx)
	}
	since := time.Now()
	return poll(ctx, greenWait, 100*time.Millisecond, "rest", func() error {
		var h struct {
			Initializing int `json:"initializing_shards"`
			Relocating   int `json:"relocating_shards"`
		}
		if err := c.rest.get(ctx, c.anyURL()+"/_cluster/health", &h); err != nil {
			return err
		}
		if h.Initializing > 0 || h.Relocating > 0 {
			since = time.Now()
		}
		if calm := time.Since(since); calm < calmFor {
			return fmt.Errorf("%d copies are initializing, %d relocating, for %s", h.Initializing, h.Relocating, calm.Round(time.Millisecond))
		}
		return nil
	})
}

// awaitGreen waits until every copy is started and nothing moves.
func (c *realCluster) awaitGreen(ctx context.Context) error {
	url := c.anyURL() + "/_cluster/health?wait_for_status=green&wait_for_no_relocating_shards=true&wait_for_no_initializing_shards=true&timeout=5s"
	refused := false
	err := poll(ctx, greenWait, 100*time.Millisecond, "green", func() error {
		err := c.rest.get(ctx, url, nil)
		var status *statusError
		if errors.As(err, &status) && status.status != http.StatusRequestTimeout {
			refused = true
			return final{err}
		}
		return err
	})
	if err == nil || refused || ctx.Err() != nil {
		return err
	}
	if index := notGreen(ctx, c.rest, c.anyURL()); index != "" {
		return &es.Unready{Index: index, Within: greenWait}
	}
	return err
}

// notGreen is the first index by name that isn't green; "" if all are, or nobody answers.
func notGreen(ctx context.Context, r *restClient, url string) string {
	var health struct {
		Indices map[string]struct {
			Status string `json:"status"`
		} `json:"indices"`
	}
	if err := r.get(ctx, url+"/_cluster/health?level=indices&filter_path=indices.*.status", &health); err != nil {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(health.Indices)) {
		if health.Indices[name].Status != "green" {
			return name
		}
	}
	return ""
}

// fill writes documents until the primaries hold about the bytes described.
func (c *realCluster) fill(ctx context.Context, ix es.IndexSpec) error {
	docs := ix.Docs
	if docs == 0 || ix.Bytes == 0 {
		return nil
	}
	payload := payloadOf(ix.Bytes / docs)
	perBulk := max(1, bulkTarget*docs/ix.Bytes)
	c.opt.Progress("loading %d documents, %s, into %s", docs, units.FormatBytes(ix.Bytes), ix.Name)
	if err := c.refreshEvery(ctx, ix, "-1"); err != nil {
		return err
	}
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(loadWorkers)
	nodes := c.containers.prompt() // a late node takes no documents yet
	for from, batch := int64(0), 0; from < docs && working.Err() == nil; from, batch = from+perBulk, batch+1 {
		url := c.url(nodes[batch%len(nodes)].spec.Name) + "/" + ix.Name + "/_bulk?filter_path=errors"
		group.Go(func() error {
			body := bulkBody(from, min(from+perBulk, docs), payload)
			var answer struct {
				Errors bool `json:"errors"`
			}
			if err := c.rest.do(working, http.MethodPost, url, body, &answer); err != nil {
				return err
			}
			if answer.Errors {
				return errors.New("documents were refused")
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := c.refreshEvery(ctx, ix, c.refreshInterval(ix)); err != nil {
		return err
	}
	return c.flush(ctx, ix)
}

// payloadOf is the payload of a document that is to take so many bytes in the store:
// beside it there are id, version, sequence number and the JSON around it, and blocks
// of stored fields are not filled to the end. Measured with documents of 1, 2 and 4 kB.
func payloadOf(stored int64) int {
	const fixed, share = 20, 80
	return int(max(8, (stored-fixed)*share/(share+1)))
}

// refreshInterval is what the description asks for, nil for the default.
func (c *realCluster) refreshInterval(ix es.IndexSpec) any {
	const key = "index.refresh_interval"
	for _, settings := range []map[string]string{ix.Settings, c.indexSettings} {
		if value, set := settings[key]; set {
			return value
		}
	}
	return nil
}

// flush makes segments of what was written and notes what the index has become. Store
// statistics are up to ten seconds old; segments are not.
func (c *realCluster) flush(ctx context.Context, ix es.IndexSpec) error {
	if err := c.rest.send(ctx, http.MethodPost, c.anyURL()+"/"+ix.Name+"/_flush?wait_if_ongoing=true", nil, nil); err != nil {
		return err
	}
	var segments []struct {
		Copy string `json:"prirep"`
		Size string `json:"size"`
	}
	if err := c.rest.get(ctx, c.anyURL()+"/_cat/segments/"+ix.Name+"?format=json&bytes=b&h=prirep,size", &segments); err != nil {
		return err
	}
	var got int64
	for _, s := range segments {
		if s.Copy == "p" {
			size, err := strconv.ParseInt(s.Size, 10, 64)
			if err != nil {
				return fmt.Errorf("size of a segment: %w", err)
			}
			got += size
		}
	}
	if got < ix.Bytes*9/10 || got > ix.Bytes*11/10 {
		c.note("index %s holds %s of %s described", ix.Name, units.FormatBytes(got), units.FormatBytes(ix.Bytes))
	}
	return nil
}

// refreshEvery sets an index's refresh interval, nil for its default: refreshing while
// loading costs half the time.
func (c *realCluster) refreshEvery(ctx context.Context, ix es.IndexSpec, interval any) error {
	return c.rest.send(ctx, http.MethodPut, c.anyURL()+"/"+ix.Name+"/_settings", map[string]any{"index.refresh_interval": interval}, nil)
}

// bulkBody holds documents that do not compress, so that the store has their size.
func bulkBody(from, to int64, payload int) []byte {
	random := rand.NewChaCha8([32]byte{byte(from), byte(from >> 8), byte(from >> 16), byte(from >> 24)})
	raw := make([]byte, payload*3/4+3)
	var body bytes.Buffer
	for doc := from; doc < to; doc++ {
		random.Read(raw) //nolint:errcheck // never fails
		fmt.Fprintf(&body, "{\"index\":{\"_id\":\"seed-%d\"}}\n{\"p\":%q}\n", doc, base64.RawStdEncoding.EncodeToString(raw)[:payload])
	}
	return body.Bytes()
}
