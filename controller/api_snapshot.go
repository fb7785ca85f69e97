package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Repository is a registered place for snapshots.
type Repository struct {
	Name, Type string
	Settings   map[string]string
}

// Snapshot is one that a repository holds, or that is being taken.
type Snapshot struct {
	Repository, Name, UUID string
	// State is SUCCESS, PARTIAL, FAILED or IN_PROGRESS.
	State        string
	Indices      []string
	Start, End   time.Time // End is zero while it is being taken
	FailedShards int
	// Failed are the indices of which shards are missing, sorted.
	Failed []string
}

// Holds reports whether the whole of an index is in the snapshot.
func (s *Snapshot) Holds(index string) bool {
	return (s.State == "SUCCESS" || s.State == "PARTIAL") && slices.Contains(s.Indices, index) && !slices.Contains(s.Failed, index)
}

// String is repository:name.
func (s *Snapshot) String() string { return s.Repository + ":" + s.Name }

// GetRepositories lists the registered repositories by name.
func (c *Client) GetRepositories(ctx context.Context) ([]Repository, error) {
	body, err := c.call(ctx, "snapshot.get_repository", idempotent, get("_snapshot"))
	if err != nil {
		return nil, err
	}
	return parseRepositories(body)
}

func parseRepositories(body []byte) ([]Repository, error) {
	var a map[string]struct {
		Type     string                     `json:"type"`
		Settings map[string]json.RawMessage `json:"settings"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("repositories: %w", err)
	}
	out := []Repository{}
	for _, name := range slices.Sorted(maps.Keys(a)) {
		out = append(out, Repository{Name: name, Type: a[name].Type, Settings: plain(a[name].Settings)})
	}
	return out, nil
}

// VerifyRepository has every node look whether it can use a repository.
func (c *Client) VerifyRepository(ctx context.Context, repository string) error {
	_, err := c.call(ctx, "snapshot.verify_repository", idempotent, post("_snapshot", repository, "_verify"))
	return err
}

// GetSnapshots lists a repository's snapshots, oldest first.
func (c *Client) GetSnapshots(ctx context.Context, repository string) ([]Snapshot, error) {
	body, err := c.call(ctx, "snapshot.get", idempotent, get("_snapshot", repository, "_all"))
	if err != nil {
		return nil, err
	}
	return parseSnapshots(repository, body)
}

func parseSnapshots(repository string, body []byte) ([]Snapshot, error) {
	var a struct {
		Snapshots []struct {
			Name     string   `json:"snapshot"`
			UUID     string   `json:"uuid"`
			State    string   `json:"state"`
			Indices  []string `json:"indices"`
			Start    int64    `json:"start_time_in_millis"`
			End      int64    `json:"end_time_in_millis"`
			Failures []struct {
				Index string `json:"index"`
			} `json:"failures"`
			Shards struct {
				Failed int `json:"failed"`
			} `json:"shards"`
		} `json:"snapshots"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("snapshots of %s: %w", repository, err)
	}
	out := []Snapshot{}
	for _, s := range a.Snapshots {
		one := Snapshot{
			Repository: repository, Name: s.Name, UUID: s.UUID, State: s.State, Indices: s.Indices,
			Start: time.UnixMilli(s.Start).UTC(), FailedShards: s.Shards.Failed,
		}
		if s.End > 0 {
			one.End = time.UnixMilli(s.End).UTC()
		}
		for _, f := range s.Failures {
			one.Failed = append(one.Failed, f.Index)
		}
		slices.Sort(one.Failed)
		one.Failed = slices.Compact(one.Failed)
		out = append(out, one)
	}
	slices.SortStableFunc(out, func(a, b Snapshot) int { return a.Start.Compare(b.Start) })
	return out, nil
}

// RestoreIndex begins to restore one index of a snapshot under its own name. The index
// must not be there. [ErrIndexExists] says that it is, also when an earlier call has
// begun the restore.
func (c *Client) RestoreIndex(ctx context.Context, s Snapshot, index string) error {
	request, err := json.Marshal(map[string]any{"indices": []string{index}, "include_global_state": false})
	if err != nil {
		return fmt.Errorf("restore %s: %w", index, err)
	}
	_, err = c.call(ctx, "snapshot.restore", once, post("_snapshot", s.Repository, s.Name, "_restore").json(request))
	if err != nil && strings.Contains(err.Error(), "open index with same name already exists") {
		return fmt.Errorf("%w: %w", ErrIndexExists, err)
	}
	return err
}

// ErrIndexExists says that an index can't be restored because one of its name is there.
var ErrIndexExists = errors.New("an index of this name is there")

// DeleteIndex deletes an index with all its data. One that isn't there is no error.
func (c *Client) DeleteIndex(ctx context.Context, index string) error {
	_, err := c.call(ctx, "indices.delete", idempotent, remove(index))
	var api *APIError
	if errors.As(err, &api) && api.Status == 404 {
		return nil
	}
	return err
}
