package importer

import (
	"bufio"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"time"
)

// readers read what is JSON, by its kind.
var readers = map[kind]func(stream, *snapshot) error{
	clusterState: readState, nodesInfo: readNodes, indicesStats: readStats, clusterSettings: readSettings,
	indexSettingsKind: readIndexSettings, aliasesKind: readAliases, recoveries: readRecoveries, desiredBalance: readDesired,
	dataStreams: readDataStreams, ilmPolicies: readPolicies, ilmExplain: readExplain, shutdowns: readShutdowns,
	healthKind: readHealth, versionKind: readVersion, manifest: readManifest, catJSON: readCatJSON,
}

// take reads one file into the snapshot. Only what must end the import is returned; what is
// wrong with the file is noted with it.
func (snap *snapshot) take(name string, at time.Time, r io.Reader) error {
	b := bufio.NewReaderSize(r, sniffed)
	head, err := b.Peek(sniffed)
	if errors.Is(err, errTooLarge) {
		return err
	}
	k := sniff(name, head)
	if k == unknownKind {
		if err != nil && !errors.Is(err, io.EOF) {
			snap.add(name, k, at, err)
		}
		return nil
	}
	if head[0] == 0xef { // a byte order mark
		_, _ = b.Discard(3)
	}
	if k == catText {
		err = readCatText(b, snap)
	} else {
		err = readers[k](newStream(b), snap)
	}
	switch {
	case errors.Is(err, errTooLarge):
		return err
	case errors.Is(err, errNotUsed):
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		err = problemf("it is cut off; what came before was read")
	}
	if k == indicesStats || k == nodesInfo {
		snap.statsAt = max(snap.statsAt, snap.at)
	}
	snap.add(name, k, at, err)
	return nil
}

// bundles keeps a snapshot for each folder of answers that is met.
type bundles struct {
	source string
	list   []*snapshot
	byRoot map[string]*snapshot
}

// take is a [visit].
func (b *bundles) take(name string, at time.Time, r io.Reader) error {
	root := path.Dir(name)
	if slices.Contains([]string{"cat", "commercial", "api", "syscalls"}, path.Base(root)) {
		root = path.Dir(root)
	}
	snap := b.byRoot[root]
	if snap == nil {
		title := b.source
		if root != "." {
			title += "!" + root
		}
		snap = newSnapshot(title)
		if b.byRoot == nil {
			b.byRoot = map[string]*snapshot{}
		}
		b.byRoot[root] = snap
		b.list = append(b.list, snap)
	}
	return snap.take(name, at, r)
}

// read reads a source given by its path. Single files that belong together make one
// snapshot: the caller merges those with [joined].
func read(source string, limits Limits) ([]*snapshot, []string, error) {
	b := &bundles{source: clip(path.Base(strings.TrimSuffix(source, "/")))}
	complaints, err := walk(source, limits, b.take)
	if err != nil {
		return nil, nil, err
	}
	var found []*snapshot
	for _, s := range b.list {
		if len(s.files) == 0 {
			continue
		}
		for i := range s.files {
			if s.at == 0 {
				s.seen(s.files[i].At)
			}
		}
		found = append(found, s)
	}
	return found, complaints, nil
}
