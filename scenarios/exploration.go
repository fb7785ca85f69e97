package scenarios

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/chaos/plans"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// ExploreSection bounds the random plans that an exploration of the scenario tries, and says
// what must hold in each of them beside the file's expectations.
type ExploreSection struct {
	Kinds     []string       `yaml:"kinds,omitempty" json:"kinds,omitempty" jsonschema:"description=of faults that plans may have; absent: all that can be drawn by chance"`
	Most      *int           `yaml:"most,omitempty" json:"most,omitempty" jsonschema:"minimum=1,description=faults in a plan; default 5"`
	AtOnce    *int           `yaml:"at-once,omitempty" json:"at_once,omitempty" jsonschema:"minimum=1,description=faults in force at one time; default 3"`
	NodesDown *int           `yaml:"nodes-down,omitempty" json:"nodes_down,omitempty" jsonschema:"minimum=0,description=nodes lost or cut off or on a bad disk at one time; default a minority of those that start and one at least"`
	ZonesDown *int           `yaml:"zones-down,omitempty" json:"zones_down,omitempty" jsonschema:"minimum=0,description=zones whose nodes may be so together however many nodes-down: allows; zones are the values of the first awareness attribute or of zone; default 0"`
	Span      units.Duration `yaml:"span,omitempty" json:"span,omitempty" jsonschema:"description=time from t=0 in which faults strike and heal; default two thirds of the duration"`
	Shortest  units.Duration `yaml:"shortest,omitempty" json:"shortest,omitempty" jsonschema:"description=how long a fault lasts at least; default 500ms"`
	Longest   units.Duration `yaml:"longest,omitempty" json:"longest,omitempty" jsonschema:"description=how long a fault lasts at most; default a third of the span"`
	Claims    []Claim        `yaml:"claims,omitempty" json:"-" jsonschema:"description=expectations that must hold under every plan beside those of the file; down-at-most: and losses-at-most: and quiet-until: and without: say of which"`
}

// Claim is an expectation that must hold under the plans of its scope: all of them, or those
// with few nodes down at one time, with a quiet beginning, or without kinds of faults.
type Claim struct {
	Expect
	DownAtMost *int
	// Ailing is how many faults of the plan, at whatever time, may make nodes ail; nil: any.
	Ailing *int
	// QuietUntil is the time from t=0 before which none of the plan's faults strikes.
	QuietUntil units.Duration
	Without    []string
}

// The keys of a claim's scope.
const (
	downKey    = "down-at-most"
	ailingKey  = "losses-at-most"
	quietKey   = "quiet-until"
	withoutKey = "without"
)

// ScopesClaim reports whether a key of a claim says of which plans it is asked.
func ScopesClaim(key string) bool {
	return key == downKey || key == ailingKey || key == quietKey || key == withoutKey
}

// UnmarshalYAML leaves the entry to [readClaims], which knows the vocabulary.
func (c *Claim) UnmarshalYAML(ast.Node) error { return nil }

// Asks reports whether a plan is in the scope of the claim.
func (c *Claim) Asks(p chaos.Plan, b plans.Budget, t chaos.Topology) bool {
	if c.DownAtMost != nil && b.Down(p.Entries, t) > *c.DownAtMost {
		return false
	}
	if c.Ailing != nil && b.Losses(p.Entries) > *c.Ailing {
		return false
	}
	// When something else will bring a fault about is not known beforehand.
	early := func(e chaos.Entry) bool { return e.Trigger != nil || e.At < c.QuietUntil }
	if c.QuietUntil > 0 && slices.ContainsFunc(p.Entries, early) {
		return false
	}
	return !slices.ContainsFunc(p.Entries, func(e chaos.Entry) bool { return slices.Contains(c.Without, e.Fault.Kind()) })
}

// readClaims reads the entries of explore: {claims: […]}.
func readClaims(f *source.File, kinds []ExpectationKind) ([]Claim, error) {
	var out []Claim
	var errs []error
	for _, n := range f.Items("$.explore.claims") {
		c, err := readClaim(n, kinds)
		if err != nil {
			errs = append(errs, f.Located(err))
		}
		out = append(out, c)
	}
	return out, errors.Join(errs...)
}

func readClaim(n ast.Node, kinds []ExpectationKind) (Claim, error) {
	var out Claim
	if m, ok := n.(*ast.MappingNode); ok {
		rest := *m
		rest.Values = nil
		for _, v := range m.Values {
			var err error
			switch v.Key.GetToken().Value {
			case downKey:
				out.DownAtMost = new(int)
				err = source.DecodeNode(v.Value, out.DownAtMost)
			case ailingKey:
				out.Ailing = new(int)
				err = source.DecodeNode(v.Value, out.Ailing)
			case quietKey:
				err = source.DecodeNode(v.Value, &out.QuietUntil)
			case withoutKey:
				err = source.DecodeNode(v.Value, &out.Without)
			default:
				rest.Values = append(rest.Values, v)
				continue
			}
			if err != nil {
				return out, err
			}
		}
		n = &rest
	}
	var err error
	out.Expect, err = readExpectation(n, kinds)
	return out, err
}

// mostExplored bounds the faults of one plan.
const mostExplored = 100

// defaultSpan is the time of a run in which faults strike unless a file says otherwise: what
// is left is for the cluster to come to itself.
func defaultSpan(duration units.Duration) units.Duration {
	return units.Duration((duration.D() * 2 / 3).Round(100 * time.Millisecond))
}

// completeExplore fills in what the section leaves out.
func (s *Scenario) completeExplore(d *Defaults) {
	x := s.Explore
	if x == nil {
		return
	}
	Fill(d, "$.explore.span", &x.Span, defaultSpan(s.Duration), "a time such as 1m")
	Fill(d, "$.explore.shortest", &x.Shortest, units.Duration(500*time.Millisecond), "a time such as 500ms")
	Fill(d, "$.explore.longest", &x.Longest, max(x.Span/3, units.Duration(time.Second), x.Shortest), "a time such as 20s")
	for _, e := range x.Claims {
		if c, ok := e.Expectation.(Completer); ok {
			c.Complete(s)
		}
	}
}

// Budget is what plans of an exploration may do: the section's, or what suits the cluster.
func (s *Scenario) Budget() plans.Budget {
	x := s.Explore
	if x == nil {
		b := plans.DefaultBudget(s.Topology(), defaultSpan(s.Duration).D())
		b.Zone, _ = s.zones()
		return b
	}
	b := plans.DefaultBudget(s.Topology(), x.Span.D())
	b.Zone, _ = s.zones()
	b.Kinds, b.Shortest, b.Longest = x.Kinds, x.Shortest.D(), x.Longest.D()
	given := func(field, value *int) {
		if value != nil {
			*field = *value
		}
	}
	given(&b.Most, x.Most)
	given(&b.AtOnce, x.AtOnce)
	given(&b.Ailing, x.NodesDown)
	given(&b.Zones, x.ZonesDown)
	return b
}

// awareness is the setting that says which attributes make zones.
const awareness = "cluster.routing.allocation.awareness.attributes"

// zones is the attribute whose values are the zones of a cluster, and how many there are: the
// first that allocation is aware of, or zone.
func (s *Scenario) zones() (attribute string, count int) {
	named := s.Cluster.Settings[awareness]
	if im := s.Imported(); im != nil {
		named = cmp.Or(im.Transient[awareness], named, im.Persistent[awareness])
	}
	attribute, _, _ = strings.Cut(named, ",")
	if attribute = strings.TrimSpace(attribute); attribute == "" {
		attribute = "zone"
	}
	var values []string
	for _, n := range s.NodeSpecs() {
		if v := n.Attributes[attribute]; v != "" && !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	return attribute, len(values)
}

// checkExplore returns what is wrong with the section. The rest of the file makes sense.
func (s *Scenario) checkExplore(voc Vocabulary) []source.Problem {
	x := s.Explore
	if x == nil {
		return nil
	}
	var ps []source.Problem
	bad := func(path, format string, args ...any) {
		ps = append(ps, source.Problemf("$.explore."+path, format, args...))
	}
	for i, name := range x.Kinds {
		at := fmt.Sprintf("kinds[%d]", i)
		switch k := chaos.KindOf(name); {
		case k.New == nil:
			bad(at, "%s", source.Unknown("fault", name, s.drawable()))
		case !k.For(s.System):
			bad(at, "%s is for system %s", name, k.Systems[0])
		case k.Draw == nil:
			bad(at, "%s can't be drawn by chance; expected one of %v", name, s.drawable())
		}
	}
	between := func(path string, value *int, least, most int) {
		if value != nil && (*value < least || *value > most) {
			bad(path, "%d makes no sense here; expected a number from %d to %d", *value, least, most)
		}
	}
	between("most", x.Most, 1, mostExplored)
	between("at-once", x.AtOnce, 1, mostExplored)
	between("nodes-down", x.NodesDown, 0, len(s.NodeSpecs())-len(s.LateNodes()))
	if _, zones := s.zones(); x.ZonesDown != nil && zones == 0 {
		bad("zones-down", "the nodes are in no zones; expected attributes: {zone: […]} of cluster.nodes, or cluster.routing.allocation.awareness.attributes with an attribute that nodes have")
	} else {
		between("zones-down", x.ZonesDown, 0, zones)
	}
	if x.Span.D() < time.Second || x.Span > s.Duration {
		bad("span", "faults can't strike within %s of a run of %s; expected a time from 1s to the duration", x.Span, s.Duration)
	}
	if x.Shortest <= 0 || x.Shortest > x.Span {
		bad("shortest", "a fault can't last %s at least; expected a time above 0s and within the span of %s", x.Shortest, x.Span)
	}
	if x.Longest < x.Shortest || x.Longest > x.Span {
		bad("longest", "a fault can't last %s at most; expected a time from %s to the span of %s", x.Longest, x.Shortest, x.Span)
	}
	for i, c := range x.Claims {
		if c.DownAtMost != nil && *c.DownAtMost < 0 {
			bad(fmt.Sprintf("claims[%d].%s", i, downKey), "%d makes no sense here; expected a number from 0 on", *c.DownAtMost)
		}
		if c.QuietUntil < 0 || c.QuietUntil > x.Span {
			bad(fmt.Sprintf("claims[%d].%s", i, quietKey), "%s makes no sense here; expected a time within the span of %s", c.QuietUntil, x.Span)
		}
		if c.Ailing != nil && *c.Ailing < 0 {
			bad(fmt.Sprintf("claims[%d].%s", i, ailingKey), "%d makes no sense here; expected a number from 0 on", *c.Ailing)
		}
		for j, name := range c.Without {
			if chaos.KindOf(name).New == nil {
				bad(fmt.Sprintf("claims[%d].%s[%d]", i, withoutKey, j), "%s", source.Unknown("fault", name, s.drawable()))
			}
		}
	}
	if len(ps) > 0 {
		return ps
	}
	if _, err := plans.New(1, s.Budget(), s.Topology()); err != nil {
		bad("kinds", "%v", err)
		return ps
	}
	var claims []Expect
	for _, c := range x.Claims {
		claims = append(claims, c.Expect)
	}
	return s.withEachKind().checkExpectations(voc, claims, "$.explore.claims")
}

// EachSupported is the error of a backend that lacks something of what random plans of the
// scenario may do: the kinds that it can't, with why. It wraps [ErrUnavailable].
func (s *Scenario) EachSupported(ctx context.Context, b Backend) error {
	t, err := Offered(ctx, b, s)
	if err != nil {
		return err
	}
	var lacking []error
	var rest []string
	for _, e := range s.withEachKind().Faults {
		if err := chaos.Supports(e.Fault, t, s.Topology()); err != nil {
			lacking = append(lacking, fmt.Errorf("%s: %w", e.Fault.Kind(), err))
		} else {
			rest = append(rest, e.Fault.Kind())
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	return fmt.Errorf("%w: backend %s lacks what plans may do: %w; expected explore: with kinds: of %v", ErrUnavailable, b.Name(), errors.Join(lacking...), rest)
}

// drawable are the kinds of faults that random plans may have.
func (s *Scenario) drawable() []string {
	var out []string
	for _, k := range chaos.Kinds() {
		if k.For(s.System) && k.Draw != nil {
			out = append(out, k.Name)
		}
	}
	return out
}

// withEachKind is the scenario with a fault of each kind that a plan may have, which is what
// claims are checked against: what no plan can make true or false makes no sense.
func (s *Scenario) withEachKind() *Scenario {
	out, b := *s, s.Budget()
	out.Faults = nil
	d := &chaos.Dice{Rand: rand.New(rand.NewPCG(1, 1)), Topology: s.Topology(), Shortest: b.Shortest, Longest: b.Longest}
	for _, name := range s.drawable() {
		if b.Kinds != nil && !slices.Contains(b.Kinds, name) {
			continue
		}
		if f := chaos.KindOf(name).Draw(d); f != nil {
			out.Faults = append(out.Faults, chaos.Entry{Fault: f})
		}
	}
	return &out
}
