package observed

import (
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

// Brief is the ailment in a line: which copies, which decider, which cure.
func (a Ailment) Brief() string {
	what := "the cluster"
	if len(a.Copies) > 0 {
		what = a.Copies[0]
		if more := max(a.Count, len(a.Copies)) - 1; more > 0 {
			what = fmt.Sprintf("%s and %d more copies", what, more)
		}
	}
	why := a.Cause
	if a.Decider != "" {
		why = "the decider " + a.Decider
	}
	return fmt.Sprintf("%s: %s; cure: %s", what, why, a.Cure)
}

// Why is what a sentence about a cluster that isn't green ends with.
func Why(all []Ailment) string {
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
