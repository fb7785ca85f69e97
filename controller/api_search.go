package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// ErrNoPointInTime says that the cluster doesn't offer searches at a point in time.
var ErrNoPointInTime = errors.New("the cluster offers no search at a point in time")

// ErrGone says that a point in time has expired, or lived on a node that is gone.
var ErrGone = errors.New("the point in time is gone")

// Refresh makes what was written to an index visible to searches and counts.
func (c *Client) Refresh(ctx context.Context, index string) error {
	_, err := c.call(ctx, "indices.refresh", idempotent, post(index, "_refresh"))
	return err
}

// OpenPointInTime fixes what searches see: one shard of an index as it is now on one
// node. It expires when it isn't used for keepAlive ("1m"). The error is
// [ErrNoPointInTime] where the cluster has no such thing.
func (c *Client) OpenPointInTime(ctx context.Context, index string, shard int, node, keepAlive string) (string, error) {
	body, err := c.call(ctx, "open_point_in_time", once, post(index, "_pit").with("keep_alive", keepAlive, "preference", fmt.Sprintf("_shards:%d|_only_nodes:%s", shard, node)))
	switch {
	case HasStatus(err, http.StatusMethodNotAllowed), HasStatus(err, http.StatusNotImplemented), unknownPath(err):
		return "", fmt.Errorf("%w: %w", ErrNoPointInTime, err)
	case err != nil:
		return "", err
	}
	var a struct {
		ID     string `json:"id"`
		Shards struct {
			Total, Successful int
		} `json:"_shards"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return "", fmt.Errorf("point in time: %w", err)
	}
	if a.ID == "" {
		return "", errors.New("point in time: the answer has no id")
	}
	if a.Shards.Total > 1 || a.Shards.Successful > 1 {
		return "", fmt.Errorf("point in time: asked for one shard and got %d", a.Shards.Total)
	}
	return a.ID, nil
}

// unknownPath recognises the answer to a path that the cluster doesn't have.
func unknownPath(err error) bool {
	var api *APIError
	return errors.As(err, &api) && api.Status == http.StatusBadRequest && api.Type == ""
}

// ClosePointInTime gives a point in time back.
func (c *Client) ClosePointInTime(ctx context.Context, id string) error {
	request, err := json.Marshal(map[string]string{"id": id})
	if err != nil {
		return fmt.Errorf("point in time: %w", err)
	}
	_, err = c.call(ctx, "close_point_in_time", idempotent, remove("_pit").json(request))
	if HasStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// Scan is a search through everything at a point in time, page by page.
type Scan struct {
	PointInTime string
	KeepAlive   string
	Size        int             // documents per page
	IDs         []string        // only these documents; empty: all
	After       json.RawMessage // where the last page ended; nil: from the start
}

// ScannedDocument is a document found by a scan.
type ScannedDocument struct {
	ID                 string
	SeqNo, PrimaryTerm int64
	Source             json.RawMessage
}

// ScanPage is one page of a scan.
type ScanPage struct {
	Documents   []ScannedDocument
	PointInTime string          // for the next page
	After       json.RawMessage // for the next page; nil: there is none
}

// ScanNext reads the next page of a scan. The error is [ErrGone] when its point in
// time has expired.
func (c *Client) ScanNext(ctx context.Context, s Scan) (ScanPage, error) {
	query := map[string]any{"match_all": map[string]any{}}
	if len(s.IDs) > 0 {
		query = map[string]any{"ids": map[string]any{"values": s.IDs}}
	}
	search := map[string]any{
		"pit": map[string]string{"id": s.PointInTime, "keep_alive": s.KeepAlive}, "size": s.Size, "query": query, "sort": []string{"_shard_doc"},
		"track_total_hits": false, "seq_no_primary_term": true, "_source": true,
	}
	if s.After != nil {
		search["search_after"] = s.After
	}
	request, err := json.Marshal(search)
	if err != nil {
		return ScanPage{}, fmt.Errorf("scan: %w", err)
	}
	body, err := c.call(ctx, "search", idempotent, post("_search").with("allow_partial_search_results", "false").list("filter_path", scanPaths()...).json(request))
	if HasStatus(err, http.StatusNotFound) {
		return ScanPage{}, fmt.Errorf("%w: %w", ErrGone, err)
	}
	if err != nil {
		return ScanPage{}, err
	}
	return parseScanPage(body, s)
}

func scanPaths() []string {
	return []string{"pit_id", "hits.hits._id", "hits.hits._seq_no", "hits.hits._primary_term", "hits.hits._source", "hits.hits.sort"}
}

func parseScanPage(body []byte, s Scan) (ScanPage, error) {
	var a struct {
		PIT  string `json:"pit_id"`
		Hits struct {
			Hits []struct {
				ID     string          `json:"_id"`
				SeqNo  int64           `json:"_seq_no"`
				Term   int64           `json:"_primary_term"`
				Source json.RawMessage `json:"_source"`
				Sort   json.RawMessage `json:"sort"`
			} `json:"hits"`
		} `json:"hits"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return ScanPage{}, fmt.Errorf("scan: %w", err)
	}
	page := ScanPage{PointInTime: s.PointInTime}
	if a.PIT != "" {
		page.PointInTime = a.PIT
	}
	for _, h := range a.Hits.Hits {
		page.Documents = append(page.Documents, ScannedDocument{h.ID, h.SeqNo, h.Term, h.Source})
	}
	if n := len(a.Hits.Hits); n > 0 && n >= s.Size {
		page.After = a.Hits.Hits[n-1].Sort
	}
	return page, nil
}
