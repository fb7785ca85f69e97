package chaos

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// Answer is how an answer of the nodes' HTTP API is spoiled.
type Answer string

// The ways to spoil an answer.
const (
	AnswerBusy        Answer = "429"  // too many requests: not carried out
	AnswerUnavailable Answer = "503"  // service unavailable: not carried out
	AnswerNone        Answer = "none" // the request goes out, arrives nowhere, and nothing ever comes back
	AnswerLost        Answer = "lost" // the request is carried out, and nothing ever comes back
)

// SpoiledAnswers are all of them.
func SpoiledAnswers() []string {
	return []string{string(AnswerBusy), string(AnswerUnavailable), string(AnswerNone), string(AnswerLost)}
}

// Which calls are met.
const (
	callsAll     = "all"
	callsChanges = "changes" // those that could change the cluster
)

// APIErrors spoils what nodes answer to an instance of the controller: an overloaded node
// or proxy, half-open connections, answers that are lost.
type APIErrors struct {
	Controller string         `yaml:"controller,omitempty" json:"controller,omitempty" jsonschema:"description=controller (the default) or controller-2 …"`
	Nodes      []Selector     `yaml:"nodes,omitempty" json:"nodes,omitempty" jsonschema:"description=whose answers: nodes or selectors; absent: all"`
	Answer     Answer         `yaml:"answer" json:"answer" jsonschema:"required,description=429 or 503: in place of carrying it out; none: a half-open connection (the request is sent and nothing ever comes back); lost: it is carried out and the answer is lost"`
	RetryAfter units.Duration `yaml:"retry-after,omitempty" json:"retry-after,omitempty" jsonschema:"description=the Retry-After of a 429 or 503 in whole seconds"`
	Share      *units.Percent `yaml:"share,omitempty" json:"share,omitempty" jsonschema:"description=of the calls that are met; default 100%"`
	Calls      string         `yaml:"calls,omitempty" json:"calls,omitempty" jsonschema:"enum=all,enum=changes,description=all (the default) or changes: those other than GET and HEAD"`
	For        units.Duration `yaml:"for,omitempty" json:"for,omitempty" jsonschema:"description=how long; absent: until the end"`
}

func apiErrors() Kind {
	return Kind{
		Name: "api-errors", About: "nodes answer the controller with 429 or 503, or not at all",
		Systems: []string{Elasticsearch},
		New:     func() Fault { return &APIErrors{} },
		Draw: func(d *Dice) Fault {
			if len(d.Topology.Controllers) == 0 {
				return nil
			}
			share := units.Percent(Pick(d, 30, 100))
			return &APIErrors{
				Controller: Pick(d, d.Topology.Controllers...), Answer: Pick(d, AnswerBusy, AnswerUnavailable, AnswerNone, AnswerLost),
				Share: &share, Calls: Pick(d, callsAll, callsChanges), For: d.Lasting(),
			}
		},
	}
}

// Kind implements [Fault].
func (*APIErrors) Kind() string { return "api-errors" }

// Lasts implements [Fault].
func (f *APIErrors) Lasts() time.Duration { return f.For.D() }

// Check implements [Fault].
func (f *APIErrors) Check(t Topology) []source.Problem {
	ps := checkController(f.Controller, t)
	for i, s := range f.Nodes {
		if msg := s.check(t, false, false); msg != "" {
			ps = append(ps, source.Problemf(fmt.Sprintf("nodes[%d]", i), "%s", msg))
		}
	}
	refusal := f.Answer == AnswerBusy || f.Answer == AnswerUnavailable
	switch {
	case !slices.Contains(SpoiledAnswers(), string(f.Answer)):
		ps = append(ps, source.Problemf("answer", "%s", source.Unknown("answer", string(f.Answer), SpoiledAnswers())))
	case f.RetryAfter != 0 && !refusal:
		ps = append(ps, source.Problemf("retry-after", "only a 429 or 503 says when to try again"))
	}
	if f.RetryAfter < 0 || f.RetryAfter.D()%time.Second != 0 {
		ps = append(ps, source.Problemf("retry-after", "Retry-After is in whole seconds; expected such as 2s"))
	}
	if f.Share != nil && *f.Share <= 0 {
		ps = append(ps, source.Problemf("share", "a share of 0%% meets no call; expected more"))
	}
	switch f.Calls {
	case "", callsAll, callsChanges:
	default:
		ps = append(ps, source.Problemf("calls", "%s", source.Unknown("kind of calls", f.Calls, []string{callsAll, callsChanges})))
	}
	return ps
}

// checkController says what is wrong with the name of a controller's instance.
func checkController(name string, t Topology) []source.Problem {
	if name = controllerOr(name); slices.Contains(t.Controllers, name) {
		return nil
	}
	if len(t.Controllers) == 0 {
		return []source.Problem{source.Problemf("", "the scenario has no controller that this could happen to")}
	}
	return []source.Problem{source.Problemf("controller", "%s", source.Unknown("controller", name, t.Controllers))}
}

// controllerOr is the instance that is meant: the first where none is named.
func controllerOr(name string) string {
	if name == "" {
		return "controller"
	}
	return name
}

// Resolve implements [Fault].
func (f *APIErrors) Resolve(v View) (Resolved, error) {
	nodes := v.Topology().Nodes
	if len(f.Nodes) > 0 {
		var err error
		if nodes, err = resolveAll(f.Nodes, v); err != nil {
			return Resolved{}, err
		}
	}
	concrete := *f
	concrete.Controller, concrete.Nodes = controllerOr(f.Controller), asSelectors(nodes)
	s := Spoil{Answer: f.Answer, RetryAfter: f.RetryAfter.D(), Share: 1, ChangesOnly: f.Calls == callsChanges}
	if f.Share != nil {
		s.Share = float64(*f.Share) / 100
	}
	r := Resolved{Fault: &concrete, Victims: []string{concrete.Controller}}
	for _, n := range nodes {
		r.Primitives = append(r.Primitives, &spoilAnswers{viewer: concrete.Controller, node: n, spoil: s})
	}
	return r, nil
}

// spoilAnswers spoils what one node answers to one viewer.
type spoilAnswers struct {
	viewer, node string
	spoil        Spoil
	rule         int // in force; 0: none
}

func (s *spoilAnswers) String() string {
	what := map[Answer]string{AnswerNone: "nothing", AnswerLost: "nothing, though it did it"}[s.spoil.Answer]
	if what == "" {
		what = string(s.spoil.Answer)
	}
	return fmt.Sprintf("%s answers %s to %s", s.node, what, s.viewer)
}

func (s *spoilAnswers) of(t Target) (Answers, error) {
	if t.Answers != nil {
		return t.Answers, nil
	}
	return nil, lacks("the answers of nodes")
}

func (s *spoilAnswers) Needs(t Target) error {
	_, err := s.of(t)
	return err
}

// Holds implements [Primitive]: each has a rule of its own.
func (s *spoilAnswers) Holds() Hold { return Hold{} }

func (s *spoilAnswers) Inject(ctx context.Context, t Target) error {
	a, err := s.of(t)
	if err != nil {
		return err
	}
	s.rule, err = a.Spoil(ctx, s.viewer, s.node, s.spoil)
	return err
}

func (s *spoilAnswers) Heal(ctx context.Context, t Target) error {
	a, err := s.of(t)
	if err != nil {
		return err
	}
	return a.Unspoil(ctx, s.rule)
}

func (s *spoilAnswers) look(ctx context.Context, t Target, want bool) Evidence {
	a, err := s.of(t)
	if err != nil {
		return evidence(s, err, false, "")
	}
	met, saw, err := a.Ask(ctx, s.rule)
	return evidence(s, err, met == want, "%s", saw)
}

func (s *spoilAnswers) Bites(ctx context.Context, t Target) Evidence { return s.look(ctx, t, true) }
func (s *spoilAnswers) Gone(ctx context.Context, t Target) Evidence  { return s.look(ctx, t, false) }
