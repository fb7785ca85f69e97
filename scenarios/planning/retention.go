package planning

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
)

// changeRetention keeps indices for another time. Those of an imported cluster that are older
// are deleted at once; the streams that the indices belong to are kept so long from then on.
func changeRetention(s *scenarios.Scenario, value string) (change, error) {
	names, text, err := matching(s, value)
	if err != nil {
		return change{}, fmt.Errorf("%w; such as retention=logs-*:30d", err)
	}
	keeps, err := units.ParseDays(text)
	if err != nil {
		return change{}, err
	}
	if keeps == 0 {
		return change{}, fmt.Errorf("%q keeps nothing; expected a day or more", text)
	}
	c := change{keeps: map[string]units.Days{}}
	for _, name := range names {
		c.keeps[name] = keeps
	}
	if s.Imported() == nil {
		if !streamed(s, names) {
			return change{}, fmt.Errorf("nobody told how old the indices of a described cluster are; expected growth.streams that %s belong to, or an imported cluster", strings.Join(names, ", "))
		}
		c.untold = "it costs nothing today: nobody told how old the indices of a described cluster are; what comes is kept for " + keeps.String()
		return c, nil
	}
	now := s.Imported().At
	if !now.Known() {
		return change{}, fmt.Errorf("no source told when the cluster was imported, so that no index has an age")
	}
	old := map[string]bool{}
	for _, name := range names {
		ix := indexOf(s.Imported().Cluster, name)
		if ix != nil && ix.Created.Known() && time.Duration(now.V-ix.Created.V)*time.Millisecond > time.Duration(keeps)*24*time.Hour {
			old[name] = true
			c.steps = append(c.steps, &chaos.DeleteIndex{Index: name})
		}
	}
	switch {
	case len(old) > 0:
		c.amend = func(s *scenarios.Scenario) error {
			m := &growthModel{daily: map[string]int64{}}
			return m.growImported(s, old, func(_ string, bytes int64) int64 { return bytes })
		}
	case streamed(s, names):
		c.untold = "it costs nothing today: none of these indices is older than " + keeps.String()
	default:
		return change{}, fmt.Errorf("no index of %s is older than %s, and none of them belongs to a stream: nothing changes", strings.Join(names, ", "), keeps)
	}
	return c, nil
}

// streamed says whether one of the indices belongs to a stream, so that it is followed how old
// its data gets.
func streamed(s *scenarios.Scenario, names []string) bool {
	if im := s.Imported(); im != nil {
		for _, st := range streamsOf(im.Cluster) {
			if slices.ContainsFunc(st.indices, func(name string) bool { return slices.Contains(names, name) }) {
				return true
			}
		}
	}
	if s.Growth == nil {
		return false
	}
	for _, st := range s.Growth.Streams {
		if slices.ContainsFunc(names, func(name string) bool { is, _ := path.Match(st.Indices, name); return is }) {
			return true
		}
	}
	return false
}

// keptFrom is how long a stream's data is kept: by what the side changed, else as it was.
func (m *growthModel) keptFrom(st stream) int {
	for _, name := range st.indices {
		if keeps, changed := m.kept[name]; changed {
			return int(keeps)
		}
	}
	return st.keeps
}
