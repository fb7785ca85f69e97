package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/shardquake/shardquake/chaos"
)

// rotScript replaces bytes in the middle of the largest file of a shard's segments, whose
// footer then holds the checksum of what was there. It prints the file's name, its size
// and its digest as it is now.
const rotScript = `
set -e
cd "$DIR"
file=$(ls -S -- *.cfs *.fdt *.doc *.pos *.tim *.dvd *.kdd 2>/dev/null | head -n 1)
if [ -z "$file" ]; then
  echo "no segment file lies in $DIR" >&2
  exit 1
fi
size=$(stat -c %s -- "$file")
head -c 64 /dev/urandom | dd of="$file" bs=1 seek=$((size / 2)) conv=notrunc status=none
echo "$file $size $(sha256sum -- "$file" | cut -d ' ' -f 1)"
`

// loseScript deletes the files of a shard's index. The lock stays: a running node fails
// its engine when that goes, which is another fault.
const loseScript = `
set -e
cd "$DIR"
ls segments_* >/dev/null
find . -maxdepth 1 -type f ! -name write.lock -delete
`

// conditionScript prints what lies there: whether there is a commit, the marker of a
// corrupted store, and the digest of one file.
const conditionScript = `
cd "$DIR" 2>/dev/null || { echo "gone gone gone"; exit 0; }
commit=no; ls segments_* >/dev/null 2>&1 && commit=yes
marker=no; ls corrupted_* >/dev/null 2>&1 && marker=yes
digest=none; [ -f "$FILE" ] && digest=$(sha256sum -- "$FILE" | cut -d ' ' -f 1)
echo "$commit $marker $digest"
`

// rotten is what was done to a copy's files.
type rotten struct {
	dir          string
	file, digest string // of the file whose bytes were changed
	size         string
}

var _ chaos.Copies = administered{}

// SupportsDamage implements [chaos.Copies]. Documents that differ while checksums match
// come from bugs of Elasticsearch or of its host, and there is none at hand.
func (a administered) SupportsDamage(m chaos.DamageMode) error {
	if m == chaos.SilentDamage {
		return errors.New("real nodes have no bug at hand that changes documents and keeps their checksums right")
	}
	return nil
}

// Damage implements [chaos.Copies], on the node's disk as its tools container sees it.
func (a administered) Damage(ctx context.Context, d chaos.Damage) error {
	n, err := a.node(d.Copy.Node)
	if err != nil {
		return err
	}
	uuid, err := a.indexUUID(ctx, d.Copy.Index)
	if err != nil {
		return err
	}
	r := rotten{dir: fmt.Sprintf("%s/indices/%s/%d/index", dataPath, uuid, d.Copy.Shard)}
	script := rotScript
	switch d.Mode {
	case chaos.BadChecksum:
	case chaos.FilesMissing:
		script = loseScript
	default:
		return a.SupportsDamage(d.Mode)
	}
	out, err := run(ctx, a.docker, n.toolsID, []string{"DIR=" + r.dir}, "/bin/bash", "-c", script)
	if err != nil {
		return fmt.Errorf("damaging %s: %w", d.Copy, err)
	}
	if d.Mode == chaos.BadChecksum {
		if _, err := fmt.Sscan(out, &r.file, &r.size, &r.digest); err != nil {
			return fmt.Errorf("damaging %s: %q: %w", d.Copy, out, err)
		}
	}
	a.c.mu.Lock()
	defer a.c.mu.Unlock()
	if a.c.rotten == nil {
		a.c.rotten = map[chaos.Damage]rotten{}
	}
	a.c.rotten[d] = r
	return nil
}

// Condition implements [chaos.Copies].
func (a administered) Condition(ctx context.Context, d chaos.Damage) (chaos.CopyCondition, error) {
	var c chaos.CopyCondition
	n, err := a.node(d.Copy.Node)
	if err != nil {
		return c, err
	}
	a.c.mu.Lock()
	r, known := a.c.rotten[d]
	a.c.mu.Unlock()
	if !known {
		return c, fmt.Errorf("%s was not damaged", d.Copy)
	}
	out, err := run(ctx, a.docker, n.toolsID, []string{"DIR=" + r.dir, "FILE=" + r.file}, "/bin/bash", "-c", conditionScript)
	if err != nil {
		return c, fmt.Errorf("looking at %s: %w", d.Copy, err)
	}
	var commit, marker, digest string
	if _, err := fmt.Sscan(out, &commit, &marker, &digest); err != nil {
		return c, fmt.Errorf("looking at %s: %q: %w", d.Copy, out, err)
	}
	return condition(d.Mode, r, commit, marker, digest), nil
}

// condition judges what a look has shown.
func condition(mode chaos.DamageMode, r rotten, commit, marker, digest string) chaos.CopyCondition {
	c := chaos.CopyCondition{Noticed: marker == "yes"}
	var saw []string
	switch {
	case commit == "gone":
		return chaos.CopyCondition{Files: "no copy lies there"}
	case mode == chaos.FilesMissing:
		if c.Damaged = commit == "no"; c.Damaged {
			saw = append(saw, "no files")
		}
	default:
		if c.Damaged = digest == r.digest; c.Damaged {
			saw = append(saw, fmt.Sprintf("64 bytes of %s (%s bytes) are not those that its footer stands for", r.file, r.size))
		}
	}
	if c.Noticed {
		saw = append(saw, "marked as corrupted by Elasticsearch")
	}
	if len(saw) == 0 {
		saw = append(saw, "the damaged files are gone, others lie there")
	}
	c.Files = strings.Join(saw, "; ")
	return c
}

// indexUUID is the name of an index's folders.
func (a administered) indexUUID(ctx context.Context, index string) (string, error) {
	const key = "index.uuid"
	set, err := a.Read(ctx, chaos.Scope{Index: index}, []string{key})
	if err != nil {
		return "", fmt.Errorf("finding the files of index %s: %w", index, err)
	}
	if set[key] == "" {
		return "", fmt.Errorf("finding the files of index %s: it has no %s", index, key)
	}
	return set[key], nil
}
