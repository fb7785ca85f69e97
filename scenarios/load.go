package scenarios

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/scenarios/clusterfile"
)

//go:embed library/*.yaml
var library embed.FS

// Vocabulary is what a scenario may name besides what this package knows.
type Vocabulary struct {
	// Systems are the kinds of cluster.
	Systems []System
	// Common are the expectations of every system.
	Common []ExpectationKind
	// More are expectations beside those and the systems' own.
	More []ExpectationKind
	// Policies are the controller's policies.
	Policies []string
	// Actions are what a controller may be seen to decide.
	Actions []string
	// Quantities are the figures by which runs are compared; none: any name will do.
	Quantities []string
	// CheckSetting says what is wrong with an Elasticsearch setting, nil when nothing
	// is. Index is true for settings of an index.
	CheckSetting func(key, value string, index bool) error
	// CheckIndices says which indices an Elasticsearch cluster would refuse to create besides
	// the others.
	CheckIndices func(*Scenario) []source.Problem
	// CheckControl says what else is wrong with a controller's parts, by key.
	CheckControl func(ControlSection) map[string]error
	// ReadCluster reads the file that a cluster is taken from; nil: from where the scenario
	// says.
	ReadCluster func(path string) (*clusterfile.File, error)
}

// Library returns the names of the scenarios that ship with the program, sorted.
func Library() []string {
	entries, err := fs.ReadDir(library, "library")
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		out = append(out, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	slices.Sort(out)
	return out
}

// Read returns the text of a scenario: a library name, or a file's path.
func Read(nameOrPath string) (name string, data []byte, err error) {
	if !strings.ContainsAny(nameOrPath, "/\\.") {
		data, err = library.ReadFile("library/" + nameOrPath + ".yaml")
		if err == nil {
			return nameOrPath + ".yaml", data, nil
		}
		if _, statErr := os.Stat(nameOrPath); statErr != nil {
			return "", nil, fmt.Errorf("%s", source.Unknown("scenario", nameOrPath, Library()))
		}
	}
	data, err = source.ReadFile(nameOrPath)
	if placed := (*source.Error)(nil); errors.As(err, &placed) {
		return "", nil, err
	}
	if err != nil {
		return "", nil, fmt.Errorf("scenario file: %w", err)
	}
	return nameOrPath, data, nil
}

// Loaded is a scenario with the file it was read from.
type Loaded struct {
	*Scenario
	File string
	Text []byte
	// Shipped is whether it is one of the library, known by its name.
	Shipped bool
	// Draws are the values drawn for the places that vary; nil: as the file has them.
	Draws []Draw

	vocabulary Vocabulary
	amend      func(*Scenario) // what was changed besides the file; nil: nothing
}

// Amend changes the scenario beside its file: what a seed draws later comes before it.
func (l *Loaded) Amend(change func(*Scenario)) {
	s, before := *l.Scenario, l.amend
	change(&s)
	l.Scenario = &s
	l.amend = func(s *Scenario) {
		if before != nil {
			before(s)
		}
		change(s)
	}
}

// Load reads, validates and completes a scenario. Set holds "path=value"
// replacements, such as "cluster.nodes.count=5"; a name with dots stands in quotes. Errors name file, line and column.
func Load(nameOrPath string, set []string, voc Vocabulary) (*Loaded, error) {
	name, data, err := Read(nameOrPath)
	if err != nil {
		return nil, err
	}
	loaded, err := ParseSet(name, data, set, voc)
	if err != nil {
		return nil, err
	}
	loaded.Shipped = name != nameOrPath
	return loaded, nil
}

// Parse reads, validates and completes a scenario from text. What varies stays as the file
// has it until a seed draws; the ends of what it may draw are tried.
func Parse(name string, data []byte, voc Vocabulary) (*Loaded, error) {
	l, err := parse(name, data, voc)
	if err != nil {
		return nil, err
	}
	if err := l.checkVary(); err != nil {
		return nil, err
	}
	return l, nil
}

// parse is Parse without a look at what varies.
func parse(name string, data []byte, voc Vocabulary) (*Loaded, error) {
	file, err := source.Parse(name, data)
	if err != nil {
		return nil, err
	}
	var s Scenario
	expect, wrong := readExpectations(file, "$.expect", voc.Expectations())
	claims, wrongClaims := readClaims(file, voc.Expectations())
	rails, wrongRails := readExpectations(file, "$.gameday.guardrails", voc.Expectations())
	objectives, unclear := readObjectives(file, voc.Expectations())
	if err := errors.Join(file.Decode(&s), wrong, wrongClaims, wrongRails, unclear); err != nil {
		return nil, err
	}
	if s.Explore != nil {
		s.Explore.Claims = claims
	}
	if s.Gameday != nil {
		s.Gameday.Guardrails = rails
	}
	s.Expect, s.system = expect, voc.System(s.System)
	if s.Objectives != nil {
		s.Objectives.Expect = objectives
		s.Objectives.note(file.Has)
	}
	problems := s.takeCluster(name, voc, file.Has)
	if s.Cluster.From != "" && s.Cluster.imported == nil {
		return nil, file.Annotate(problems) // nothing can be said of a cluster that is not known
	}
	problems = append(problems, s.complete(file.Has)...)
	if err := file.Annotate(append(problems, s.check(voc)...)); err != nil {
		return nil, err
	}
	return &Loaded{Scenario: &s, File: name, Text: data, vocabulary: voc}, nil
}

// ParseSet is Parse after replacements like those of Load.
func ParseSet(name string, data []byte, set []string, voc Vocabulary) (*Loaded, error) {
	data, err := override(name, data, set)
	if err != nil {
		return nil, err
	}
	l, err := Parse(name, data, voc)
	if err != nil {
		return nil, err
	}
	return l, pinned(l.Vary, set)
}

// Foresee returns what the cluster would refuse of the scenario before its first steady
// state, at its place in the file.
func (l *Loaded) Foresee() error {
	if l.vocabulary.CheckIndices == nil {
		return nil
	}
	problems := l.vocabulary.CheckIndices(l.Scenario)
	if len(problems) == 0 {
		return nil
	}
	file, err := source.Parse(l.File, l.Text)
	if err != nil {
		return err
	}
	return file.Annotate(problems)
}

// placed turns what a cluster refused into an error at its place in the file.
func (l *Loaded) placed(err error) error {
	var m *Misplaced
	if !errors.As(err, &m) {
		return err
	}
	file, parseErr := source.Parse(l.File, l.Text)
	if parseErr != nil {
		return err
	}
	return file.Annotate([]source.Problem{{Path: m.Path, Message: m.Error()}})
}
