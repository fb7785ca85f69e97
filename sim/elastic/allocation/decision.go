package allocation

import "fmt"

// Verdict is the type of a decision; a higher one is better (Decision.Type).
type Verdict uint8

// The verdicts.
const (
	No Verdict = iota
	Throttle
	Yes
)

// String is Elasticsearch's name of the verdict.
func (v Verdict) String() string { return [...]string{"NO", "THROTTLE", "YES"}[v] }

// Decision is what one decider said, and why.
type Decision struct {
	Decider     string
	Verdict     Verdict
	Explanation string
}

// explained runs a question with explanations and returns them.
func (p *pass) explained(question func() Verdict) (Verdict, []Decision) {
	explain, before := p.explain, p.decisions
	p.explain, p.decisions = true, nil
	v := question()
	said := p.decisions
	p.explain, p.decisions = explain, before
	return v, said
}

// say formats an explanation when the pass wants one.
func (p *pass) say(format string, args ...any) string {
	if !p.explain {
		return ""
	}
	return fmt.Sprintf(format, args...)
}
