package scenarios

import (
	"context"
	"fmt"
	"strings"
)

// Ailment is a cause for which copies are not where they should be, as the cluster itself
// explains it.
type Ailment struct {
	Cause   string   `json:"cause"`
	Decider string   `json:"decider,omitempty"` // of Elasticsearch's, that says no
	Copies  []string `json:"copies,omitempty"`  // some, where there are many
	Count   int      `json:"count"`
	Detail  string   `json:"detail"`
	Cure    string   `json:"cure"`
	Besides []string `json:"besides,omitempty"` // what else would have to change
	// Text is all of it in a sentence.
	Text string `json:"text"`
}

// Explained is a session whose cluster can say why it isn't green.
type Explained interface {
	// Explain asks it; the error says that it gave no answer.
	Explain(ctx context.Context) ([]Ailment, error)
}

// Explain asks a cluster why it isn't green, as whoever runs the scenarios does it.
func (r *Run) Explain(ctx context.Context, cfg SupervisorConfig) ([]Ailment, error) {
	if r.runner.Explain == nil {
		return nil, nil
	}
	return r.runner.Explain(ctx, cfg)
}

// explain asks a cluster that isn't green why. A cluster that doesn't answer is one more
// thing to tell.
func (r *Run) explain(ctx context.Context) []Ailment {
	s, ok := r.session.(Explained)
	if !ok || ctx.Err() != nil {
		return nil
	}
	found, err := s.Explain(ctx)
	if err != nil {
		text := fmt.Sprintf("the cluster could not be asked why: %v", err)
		return append(found, Ailment{Cause: "unknown", Detail: text, Text: text})
	}
	return found
}

// whyOf is what a sentence about a cluster that isn't green ends with.
func whyOf(all []Ailment) string {
	const shown = 3
	var texts []string
	for _, a := range all[:min(shown, len(all))] {
		texts = append(texts, a.Text)
	}
	if more := len(all) - shown; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d other causes", more))
	}
	if len(texts) == 0 {
		return ""
	}
	return ": " + strings.Join(texts, " | ")
}

// because adds why the cluster was not green at the end to an outcome that it explains.
func (o Outcome) because(h *History) Outcome {
	if o.Verdict != Pass && o.Observed == nil {
		o.Reason += whyOf(h.Ailments)
	}
	return o
}
