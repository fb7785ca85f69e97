package integration

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/shardquake/shardquake/chaos"
)

// repoSetting names the directories for snapshots. Each is a volume that all nodes mount,
// as a file server would be.
const repoSetting = "path.repo"

// repoBytes is the size of such a volume. It lives in memory.
const repoBytes = 512 << 20

// repoPaths are the directories for snapshots that the settings name.
func (c *Cluster) repoPaths() []string {
	return strings.FieldsFunc(c.opt.ClusterSettings[repoSetting], func(r rune) bool { return strings.ContainsRune(`[], "`, r) })
}

// createRepos makes the volumes for snapshots.
func (c *Cluster) createRepos(ctx context.Context) error {
	for i := range c.repoPaths() {
		_, err := c.docker.VolumeCreate(ctx, client.VolumeCreateOptions{
			Name: c.resourceName("repo", fmt.Sprint(i)), Driver: "local", Labels: c.labels,
			DriverOpts: map[string]string{"type": "tmpfs", "device": "tmpfs", "o": fmt.Sprintf("size=%d,uid=1000,gid=0,mode=0775", repoBytes)},
		})
		if err != nil {
			return fmt.Errorf("creating the place for snapshots: %w", err)
		}
	}
	return nil
}

// repoMounts puts the volumes where the settings say.
func (c *Cluster) repoMounts() []mount.Mount {
	var out []mount.Mount
	for i, target := range c.repoPaths() {
		out = append(out, mount.Mount{
			Type: mount.TypeVolume, Source: c.resourceName("repo", fmt.Sprint(i)), Target: target,
			VolumeOptions: &mount.VolumeOptions{NoCopy: true},
		})
	}
	return out
}

var _ chaos.Snapshots = administered{}

// Take implements [chaos.Snapshots].
func (a administered) Take(ctx context.Context, repository, name string, indices []string) error {
	var known map[string]any
	if err := a.ask(ctx, "/_snapshot", &known); err != nil {
		return err
	}
	if _, is := known[repository]; !is {
		paths := a.repoPaths()
		if len(paths) == 0 {
			return errors.New("the nodes have no place for snapshots; expected path.repo among the settings of the cluster")
		}
		body := map[string]any{"type": "fs", "settings": map[string]string{"location": path.Join(paths[0], repository)}}
		if err := a.send(ctx, http.MethodPut, "/_snapshot/"+repository, body); err != nil {
			return fmt.Errorf("registering repository %s: %w", repository, err)
		}
	}
	body := map[string]any{}
	if len(indices) > 0 {
		body["indices"] = slices.Clone(indices)
	}
	if err := a.send(ctx, http.MethodPut, "/_snapshot/"+repository+"/"+name, body); err != nil {
		return fmt.Errorf("taking snapshot %s: %w", name, err)
	}
	return nil
}

func (a administered) send(ctx context.Context, method, path string, body any) error {
	return a.each(ctx, func(url string) error { return a.c.rest.send(ctx, method, url+path, body, nil) })
}

// Snapshot implements [chaos.Snapshots].
func (a administered) Snapshot(ctx context.Context, repository, name string) (string, error) {
	var answer struct {
		Snapshots []struct {
			State string `json:"state"`
		} `json:"snapshots"`
	}
	if err := a.ask(ctx, "/_snapshot/"+repository+"/"+name, &answer); err != nil {
		return "", err
	}
	if len(answer.Snapshots) != 1 {
		return "", fmt.Errorf("there is no snapshot %s", name)
	}
	return answer.Snapshots[0].State, nil
}
