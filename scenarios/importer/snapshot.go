package importer

import (
	"fmt"
	"time"

	"github.com/shardquake/shardquake/scenarios/clusterfile"
)

// snapshot is what was read of a cluster at one moment: of one bundle, one folder, one file
// or one round of requests.
type snapshot struct {
	name  string
	at    int64 // milliseconds since 1970; 0 unknown
	files []clusterfile.Source

	cluster, uuid string
	version       clusterfile.Version
	state         *stateDoc
	nodes         []*nodeDoc // in the order of their first sight
	byNode        map[string]*nodeDoc
	catNodes      []catNode
	catAttrs      []catAttr
	catShards     []catShard
	catAllocation []catAllocation
	catIndices    map[string]catIndex
	shardStats    map[statKey]shardStat
	settings      map[string]flat // persistent, transient
	indexSettings map[string]flat
	aliases       map[string][]string
	streams       []clusterfile.DataStream
	policies      []clusterfile.Policy
	phases        map[string]string // of indices
	managed       map[string]string // policies of indices
	shutdowns     map[string]string // by node id
	speeds        []int64           // bytes per second of finished recoveries by files
	desired       map[string]map[int][]string
	desiredStats  *clusterfile.Desired
	info          *infoDoc
	health        *healthDoc
	statsAt       int64 // when counters were taken
}

func newSnapshot(name string) *snapshot {
	return &snapshot{
		name: name, byNode: map[string]*nodeDoc{}, catIndices: map[string]catIndex{}, shardStats: map[statKey]shardStat{},
		settings: map[string]flat{}, indexSettings: map[string]flat{}, aliases: map[string][]string{},
		phases: map[string]string{}, managed: map[string]string{}, shutdowns: map[string]string{}, desired: map[string]map[int][]string{},
	}
}

// node finds or makes what is known of a node by its id.
func (s *snapshot) node(id string) *nodeDoc {
	n := s.byNode[id]
	if n == nil {
		n = &nodeDoc{ID: id}
		s.byNode[id] = n
		s.nodes = append(s.nodes, n)
	}
	return n
}

// seen raises the moment of the snapshot: the newest time in it counts.
func (s *snapshot) seen(millis int64) {
	if millis > 0 {
		s.at = max(s.at, millis)
	}
}

// add notes a file that was read, or why it was not.
func (s *snapshot) add(name string, k kind, at time.Time, problem error) {
	src := clusterfile.Source{Name: clip(name), Kind: k.String()}
	if !at.IsZero() {
		src.At = at.UnixMilli()
	}
	if problem != nil {
		src.Problem = clip(problem.Error())
	}
	s.files = append(s.files, src)
}

// empty reports whether nothing in it tells of a cluster.
func (s *snapshot) empty() bool {
	return s.state == nil && len(s.nodes) == 0 && len(s.catShards) == 0 && len(s.catNodes) == 0 && len(s.catAllocation) == 0
}

// tellsCopies reports whether it says where copies are.
func (s *snapshot) tellsCopies() bool {
	return len(s.catShards) > 0 || s.state != nil && s.state.routed
}

// millis reads a time as API answers write it.
func millis(t string) int64 {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.000Z0700"} {
		if at, err := time.Parse(layout, t); err == nil {
			return at.UnixMilli()
		}
	}
	return 0
}

// problemf is a problem with a file.
func problemf(format string, args ...any) error { return fmt.Errorf(format, args...) }
