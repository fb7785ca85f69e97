package backend

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/snapshots"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

var _ chaos.Snapshots = (*target)(nil)

// Take implements [chaos.Snapshots]: a client's requests to the master. A repository that
// isn't registered gets a directory of its name under the first of path.repo.
func (t *target) Take(ctx context.Context, repository, name string, indices []string) error {
	n := t.c.Leader()
	if n == nil {
		return errors.New("there is no master")
	}
	if n.Applied().Repository(repository) == nil {
		roots := settings.PathRepo.Get(n.Config().Settings)
		if len(roots) == 0 {
			return errors.New("the nodes have no place for snapshots; expected path.repo among the settings of the cluster")
		}
		set := settings.Of(map[string]string{"location": path.Join(roots[0], repository)})
		if _, err := snapshots.PutRepository(ctx, n, state.Repository{Name: repository, Type: "fs", Settings: set}, settingsWait, settingsWait); err != nil {
			return fmt.Errorf("registering repository %s: %w", repository, err)
		}
	}
	if len(indices) == 0 {
		for _, m := range n.Applied().Indices {
			indices = append(indices, m.Name)
		}
	}
	indices = slices.Clone(indices)
	slices.Sort(indices)
	_, err := snapshots.Create(ctx, n, snapshots.CreateRequest{Repository: repository, Name: name, Indices: indices, IncludeGlobal: true, MasterTimeout: settingsWait})
	if err != nil {
		return fmt.Errorf("taking snapshot %s: %w", name, err)
	}
	return nil
}

// Snapshot implements [chaos.Snapshots].
func (t *target) Snapshot(ctx context.Context, repository, name string) (string, error) {
	n := t.c.Leader()
	if n == nil {
		return "", errors.New("there is no master")
	}
	all, err := snapshots.List(ctx, n, repository, settingsWait)
	if err != nil {
		return "", err
	}
	for _, s := range all {
		if s.Name == name {
			return s.State, nil
		}
	}
	return "", fmt.Errorf("there is no snapshot %s", name)
}
