package planning

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/clusterfile"
	"github.com/shardquake/shardquake/scenarios/es"
)

// mostNewIndices bounds how many indices a stream may come to have.
const mostNewIndices = 2000

// growthModel says how large everything is on a day.
type growthModel struct {
	rate    units.GrowthRate
	said    bool // by the file, so that no source has measured it
	streams []stream
	daily   map[string]int64      // bytes a day into the primaries of single indices
	kept    map[string]units.Days // how long indices are kept that a change keeps for another time
	how     []string
	notes   []string
}

// stream is indices to which new ones come.
type stream struct {
	name    string
	indices []string // today's, oldest first
	adds    int64    // bytes a day into primaries
	keeps   int      // days; 0: for ever
	bytes   int64    // of their primaries today
	each    int64    // bytes of the primaries of an index that comes
}

// modelOf takes together what is known of how a cluster grows: what the file says before what
// two imports tell, and that before what data streams and their policies tell.
func (c *Config) modelOf(of *side) (*growthModel, error) {
	s, m := of.loaded.Scenario, &growthModel{daily: map[string]int64{}, kept: map[string]units.Days{}}
	for _, x := range of.made {
		maps.Copy(m.kept, x.keeps)
	}
	if g := s.Growth; g != nil {
		m.rate, m.said = g.Rate, g.Rate.Percent > 0 || len(g.Streams) > 0
		switch {
		case g.Rate.Percent > 0 && s.Cluster.KV != nil:
			m.how = append(m.how, fmt.Sprintf("assumed, as the file says: the values grow by %s, compounded, and there are as many keys", g.Rate))
		case g.Rate.Percent > 0:
			m.how = append(m.how, fmt.Sprintf("assumed, as the file says: every index grows by %s, compounded", g.Rate))
		}
		for _, st := range g.Streams {
			m.add(s, st)
		}
	}
	im := s.Imported()
	if im == nil {
		if c.Earlier != "" {
			return nil, fmt.Errorf("%w: %s is an earlier import, but the cluster of %s is not imported", ErrConfig, c.Earlier, c.File)
		}
		return m, nil
	}
	if c.Earlier != "" {
		earlier, err := clusterfile.Load(c.Earlier)
		if err != nil {
			return nil, fmt.Errorf("%w: the earlier import: %w", ErrConfig, err)
		}
		return m, m.measure(earlier.Cluster, im.Cluster)
	}
	m.derive(im.Cluster)
	return m, nil
}

// tag is how sure a figure of a day can be that is as sure as another one today.
func (m *growthModel) tag(today clusterfile.Tag) string {
	if m.said {
		today = max(today, clusterfile.Assumed)
	}
	return max(today, clusterfile.Derived).String()
}

// add takes in a stream of the file.
func (m *growthModel) add(s *scenarios.Scenario, g scenarios.GrowthStream) {
	st := stream{name: g.Indices, adds: g.Adds.After(7) / 7, keeps: int(g.Keeps)}
	sizes := primaryBytes(s)
	for _, name := range slices.Sorted(maps.Keys(sizes)) {
		if is, _ := path.Match(g.Indices, name); is && !m.has(name) {
			st.indices = append(st.indices, name)
			st.bytes += sizes[name]
		}
	}
	if len(st.indices) == 0 {
		return
	}
	st.each, st.keeps = st.bytes/int64(len(st.indices)), m.keptFrom(st)
	m.take(st)
	kept := "kept for ever"
	if st.keeps > 0 {
		kept = fmt.Sprintf("kept for %d days", st.keeps)
	}
	m.how = append(m.how, fmt.Sprintf("assumed, as the file says: %s get %s, %s", st.name, g.Adds, kept))
}

// take adds a stream whose growth makes sense.
func (m *growthModel) take(st stream) {
	if st.each <= 0 {
		st.each = max(st.adds, 1)
	}
	if st.keeps > 0 && st.bytes > st.adds*int64(st.keeps) {
		m.notes = append(m.notes, fmt.Sprintf("%s hold more than comes into them in the %d days that it is kept: they are taken to stay as large as they are", st.name, st.keeps))
	}
	m.streams = append(m.streams, st)
}

func (m *growthModel) has(index string) bool {
	if _, single := m.daily[index]; single {
		return true
	}
	return slices.ContainsFunc(m.streams, func(s stream) bool { return slices.Contains(s.indices, index) })
}

// measure takes the growth from two imports of one cluster.
func (m *growthModel) measure(then, now *clusterfile.Cluster) error {
	if then.UUID != "" && now.UUID != "" && then.UUID != now.UUID {
		return fmt.Errorf("%w: the earlier import is of another cluster (%s, and not %s)", ErrConfig, then.Name, now.Name)
	}
	span := time.Duration(now.At.V-then.At.V) * time.Millisecond
	if !then.At.Known() || !now.At.Known() || span < time.Hour {
		return fmt.Errorf("%w: the earlier import must be an hour older at least, so that anything can have grown; it is %s older", ErrConfig, span.Round(time.Second))
	}
	perDay := func(grown int64) int64 {
		return int64(float64(float64(grown) * float64(24*time.Hour) / float64(span)))
	}
	before := map[string]int64{}
	for i := range then.Indices {
		before[then.Indices[i].Name] = bytesOfPrimaries(&then.Indices[i])
	}
	shrunk := 0
	for _, st := range streamsOf(now) {
		grown := int64(0)
		for _, name := range st.indices {
			grown += max(0, bytesOfPrimaries(indexOf(now, name))-before[name])
		}
		st.adds, st.keeps = perDay(grown), m.keptFrom(st)
		m.how = append(m.how, fmt.Sprintf("derived from two imports %s apart: %s gets %s a day%s", span.Round(time.Minute), st.name, units.FormatBytes(st.adds), keptFor(st.keeps)))
		if !m.has(st.indices[0]) {
			m.take(st)
		}
	}
	singles, sum := 0, int64(0)
	for i := range now.Indices {
		ix := &now.Indices[i]
		was, there := before[ix.Name]
		if m.has(ix.Name) || !there {
			continue
		}
		grown := bytesOfPrimaries(ix) - was
		if grown < 0 {
			shrunk++
			grown = 0
		}
		m.daily[ix.Name] = perDay(grown)
		singles, sum = singles+1, sum+perDay(grown)
	}
	m.how = append(m.how, fmt.Sprintf("derived from two imports %s apart: %d indices get %s a day in all", span.Round(time.Minute), singles, units.FormatBytes(sum)))
	if shrunk > 0 {
		m.notes = append(m.notes, fmt.Sprintf("%d indices became smaller between the imports: they are taken to stay as they are", shrunk))
	}
	return nil
}

// derive takes the growth of data streams from when their indices were made.
func (m *growthModel) derive(c *clusterfile.Cluster) {
	for _, st := range streamsOf(c) {
		if m.has(st.indices[0]) || len(st.indices) < 2 {
			continue
		}
		oldest, newest := indexOf(c, st.indices[0]), indexOf(c, st.indices[len(st.indices)-1])
		days := (newest.Created.V - oldest.Created.V) / (24 * time.Hour).Milliseconds()
		if !oldest.Created.Known() || !newest.Created.Known() || days < 1 {
			continue
		}
		st.adds, st.keeps = (st.bytes-bytesOfPrimaries(newest))/days, m.keptFrom(st)
		m.take(st)
		m.how = append(m.how, fmt.Sprintf("derived from when its indices were made: %s gets %s a day%s", st.name, units.FormatBytes(st.adds), keptFor(st.keeps)))
	}
}

func keptFor(days int) string {
	if days == 0 {
		return ", and no policy deletes it"
	}
	return fmt.Sprintf(", deleted after %d days", days)
}

// streamsOf are a cluster's data streams, and how long their policies keep them.
func streamsOf(c *clusterfile.Cluster) []stream {
	var out []stream
	for _, d := range c.DataStreams {
		st := stream{name: "data stream " + d.Name}
		policy := d.Policy
		for _, name := range d.Indices {
			if ix := indexOf(c, name); ix != nil {
				st.indices = append(st.indices, name)
				st.bytes += bytesOfPrimaries(ix)
				policy = cmp.Or(policy, ix.Policy)
			}
		}
		if len(st.indices) == 0 {
			continue
		}
		if whole := len(st.indices) - 1; whole > 0 { // the newest is not full yet
			st.each = (st.bytes - bytesOfPrimaries(indexOf(c, st.indices[whole]))) / int64(whole)
		} else {
			st.each = st.bytes
		}
		st.keeps = keptByPolicy(c, policy)
		out = append(out, st)
	}
	return out
}

// keptByPolicy is after how many days a policy deletes an index; 0: it doesn't.
func keptByPolicy(c *clusterfile.Cluster, name string) int {
	for _, p := range c.ILM {
		if p.Name != name {
			continue
		}
		for _, ph := range p.Phases {
			text := strings.TrimSuffix(ph.MinAge, "d")
			if n, err := strconv.Atoi(text); ph.Name == "delete" && err == nil && text != ph.MinAge {
				return n
			}
			if d, err := time.ParseDuration(ph.MinAge); ph.Name == "delete" && err == nil {
				return max(1, int(d/(24*time.Hour)))
			}
		}
	}
	return 0
}

func indexOf(c *clusterfile.Cluster, name string) *clusterfile.Index {
	i := slices.IndexFunc(c.Indices, func(ix clusterfile.Index) bool { return ix.Name == name })
	if i < 0 {
		return nil
	}
	return &c.Indices[i]
}

// bytesOfPrimaries is the size of an imported index without its replicas.
func bytesOfPrimaries(ix *clusterfile.Index) (n int64) {
	for _, s := range ix.Shards {
		for _, c := range s.Copies {
			if c.Primary {
				n += c.Bytes.Or(0)
			}
		}
	}
	return n
}

// primaryBytes are the sizes of all indices of a scenario, without replicas.
func primaryBytes(s *scenarios.Scenario) map[string]int64 {
	out := map[string]int64{}
	if im := s.Imported(); im != nil {
		for i := range im.Indices {
			out[im.Indices[i].Name] = bytesOfPrimaries(&im.Indices[i])
		}
	}
	for _, ix := range es.NewIndices(s) {
		out[ix.Name] = int64(ix.Size)
	}
	return out
}

// bytesOf is the size of all copies of a scenario's indices.
func bytesOf(s *scenarios.Scenario) (n int64) {
	if im := s.Imported(); im != nil {
		for _, ix := range im.Indices {
			for _, sh := range ix.Shards {
				for _, c := range sh.Copies {
					n += c.Bytes.Or(0)
				}
			}
		}
	}
	for _, ix := range es.NewIndices(s) {
		n += int64(ix.Size) * int64(1+*ix.Replicas)
	}
	if kv := s.Cluster.KV; kv != nil {
		n += int64(kv.Items) * int64(kv.Value) * int64(kv.Replication)
	}
	return n
}
