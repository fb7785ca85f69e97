package integration

import (
	"context"
	"fmt"
	"strings"

	"github.com/shardquake/shardquake/chaos"
)

// usageScript prints size, use and ballast of the data disk in bytes.
const usageScript = `
set -e
cd "$DATA"
df -B1 --output=size,used . | tail -n 1
stat -c %s ballast 2>/dev/null || echo 0
`

// fillScript grows or shrinks the ballast until the disk is in use up to TARGET bytes.
// It appends real blocks: a hole would take no space. The disk's other users go on
// writing meanwhile, so it says what it finds afterwards.
const fillScript = `
set -e
cd "$DATA"
read -r size used < <(df -B1 --output=size,used . | tail -n 1)
have=$(stat -c %s ballast 2>/dev/null || echo 0)
want=$((have + TARGET - used))
if [ "$want" -lt 0 ]; then
  echo "in use without ballast: $((used - have)) of $size bytes, more than asked for" >&2
  exit 1
fi
if [ "$want" -lt "$have" ]; then
  truncate -s "$want" ballast
else
  head -c "$((want - have))" /dev/zero >>ballast
fi
`

// Fill writes ballast until used/total is percent/100, to the page. It works on the disk
// of a dead or paused node too. It is an error when the disk holds more already.
func (c *Cluster) Fill(ctx context.Context, name string, percent float64) error {
	if percent < 0 || percent > 100 {
		return fmt.Errorf("filling the disk of node %s: %g %% is no percentage", name, percent)
	}
	n, err := c.node(name)
	if err != nil {
		return err
	}
	usage, err := c.Usage(ctx, name)
	if err != nil {
		return err
	}
	const page = 4096 // tmpfs gives whole pages: round up, "at least" is the promise
	target := (int64(float64(usage.Total)*percent/100) + page - 1) / page * page
	env := []string{"DATA=" + dataPath, fmt.Sprintf("TARGET=%d", min(target, usage.Total))}
	if _, err := run(ctx, c.docker, n.toolsID, env, "/bin/bash", "-c", fillScript); err != nil {
		return fmt.Errorf("filling the disk of node %s to %g %%: %w", name, percent, err)
	}
	return nil
}

// Free removes the ballast.
func (c *Cluster) Free(ctx context.Context, name string) error {
	n, err := c.node(name)
	if err != nil {
		return err
	}
	if _, err := run(ctx, c.docker, n.toolsID, nil, "rm", "-f", dataPath+"/ballast"); err != nil {
		return fmt.Errorf("freeing the disk of node %s: %w", name, err)
	}
	return nil
}

// Usage is how full a node's disk is, as its file system says.
func (c *Cluster) Usage(ctx context.Context, name string) (chaos.DiskUsage, error) {
	n, err := c.node(name)
	if err != nil {
		return chaos.DiskUsage{}, err
	}
	out, err := run(ctx, c.docker, n.toolsID, []string{"DATA=" + dataPath}, "/bin/bash", "-c", usageScript)
	if err != nil {
		return chaos.DiskUsage{}, fmt.Errorf("disk of node %s: %w", name, err)
	}
	var u chaos.DiskUsage
	if _, err := fmt.Sscan(strings.TrimSpace(out), &u.Total, &u.Used, &u.Ballast); err != nil {
		return u, fmt.Errorf("disk of node %s: %q: %w", name, out, err)
	}
	return u, nil
}
