package kvproc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/kvcluster/storage/pebblestore"
)

// Fill makes the ballast so large that the disk is in use up to percent. It is a file with
// a length and no blocks: the node counts lengths.
func (c *Cluster) Fill(_ context.Context, name string, percent float64) error {
	p, err := c.process(name)
	if err != nil {
		return err
	}
	u, err := p.usage()
	if err != nil {
		return err
	}
	want := int64(percent/100*float64(u.Total)) - (u.Used - u.Ballast)
	if want < 0 {
		return fmt.Errorf("the disk of node %s is fuller than %g%% without ballast", name, percent)
	}
	ballast := filepath.Join(p.data, ballastFile)
	f, err := os.OpenFile(ballast, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(want), f.Close())
}

// Free removes the ballast.
func (c *Cluster) Free(_ context.Context, name string) error {
	p, err := c.process(name)
	if err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(p.data, ballastFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Usage is how full a node's disk is.
func (c *Cluster) Usage(_ context.Context, name string) (chaos.DiskUsage, error) {
	p, err := c.process(name)
	if err != nil {
		return chaos.DiskUsage{}, err
	}
	return p.usage()
}

func (p *process) usage() (chaos.DiskUsage, error) {
	used, err := pebblestore.DirectorySize(p.data)
	if err != nil {
		return chaos.DiskUsage{}, err
	}
	u := chaos.DiskUsage{Used: used, Total: p.disk}
	info, err := os.Stat(filepath.Join(p.data, ballastFile))
	switch {
	case err == nil:
		u.Ballast = info.Size()
	case !errors.Is(err, os.ErrNotExist):
		return u, err
	}
	return u, nil
}
