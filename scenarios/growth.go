package scenarios

import (
	"fmt"
	"path"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// GrowthSection is how the data of a cluster grows: for a plan, which finds out until when the
// objectives hold. Without anything but a rate it may be written as that: growth: 3%/week.
type GrowthSection struct {
	Rate    units.GrowthRate `yaml:"rate,omitempty" jsonschema:"description=by how much all indices grow that no stream has; such as 3%/week"`
	Streams []GrowthStream   `yaml:"streams,omitempty" jsonschema:"description=indices that grow by new ones beside them"`
	From    string           `yaml:"from,omitempty" jsonschema:"description=the day on which the cluster is as it is; such as 2026-11-30. Default: the day of the import; else days are counted"`
	Until   units.Days       `yaml:"until,omitempty" jsonschema:"description=how far the plan looks ahead; such as 26w; default 1y"`
	Holds   units.Days       `yaml:"holds,omitempty" jsonschema:"description=all objectives must hold for so long; such as 26w"`
}

// GrowthStream is indices to which new ones come as data does, as a data stream's.
type GrowthStream struct {
	Indices string           `yaml:"indices" jsonschema:"required,description=their names; * stands for any text"`
	Adds    units.GrowthSize `yaml:"adds" jsonschema:"required,description=how much comes into their primaries; such as 20gb/day"`
	Keeps   units.Days       `yaml:"keeps,omitempty" jsonschema:"description=how long data is kept; such as 90d; default for ever"`
}

// plainGrowth is a GrowthSection that is read field by field.
type plainGrowth GrowthSection

// UnmarshalYAML reads a mapping, or a rate alone.
func (g *GrowthSection) UnmarshalYAML(n ast.Node) error {
	if _, is := n.(ast.ScalarNode); is {
		return source.DecodeNode(n, &g.Rate)
	}
	return source.DecodeNode(n, (*plainGrowth)(g))
}

// dateForm is how days are written.
const dateForm = "2006-01-02"

// Start is the day on which the cluster is as it is; false where nobody says.
func (s *Scenario) Start() (time.Time, bool) {
	if s.Growth != nil && s.Growth.From != "" {
		day, err := time.Parse(dateForm, s.Growth.From)
		return day, err == nil
	}
	if im := s.Imported(); im != nil && im.At.Known() {
		return time.UnixMilli(im.At.V).UTC().Truncate(24 * time.Hour), true
	}
	return time.Time{}, false
}

// checkGrowth finds growth that makes no sense for the cluster.
func (s *Scenario) checkGrowth() []source.Problem {
	g := s.Growth
	if g == nil {
		return nil
	}
	var ps []source.Problem
	bad := func(path, format string, args ...any) {
		ps = append(ps, source.Problemf("$.growth"+path, format, args...))
	}
	if _, err := time.Parse(dateForm, g.From); g.From != "" && err != nil {
		bad(".from", "%q is no day; expected one such as 2026-11-30", g.From)
	}
	if g.Holds > 0 && g.Until > 0 && g.Holds > g.Until {
		bad(".holds", "the plan looks %s ahead, so that this could never be decided; expected no more, or a longer until:", g.Until)
	}
	for i, stream := range g.Streams {
		at := fmt.Sprintf(".streams[%d]", i)
		found := false
		for _, name := range s.indexNames() {
			is, err := path.Match(stream.Indices, name)
			if err != nil {
				bad(at+".indices", "%q is no pattern; expected one such as logs-*", stream.Indices)
				break
			}
			found = found || is
		}
		if !found {
			bad(at+".indices", "%s", source.Unknown("index", stream.Indices, s.indexNames()))
		}
		if stream.Adds.Bytes == 0 {
			bad(at+".adds", "nothing comes; expected a size in a time, such as 20gb/day")
		}
	}
	return ps
}

// indexNames are those of all indices that the cluster begins with.
func (s *Scenario) indexNames() []string {
	if s.system == nil {
		return nil
	}
	var out []string
	for _, ix := range s.system.Shapes(s) {
		out = append(out, ix.Name)
	}
	return out
}
