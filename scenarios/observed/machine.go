package observed

import "strings"

// Machine is what the machine of a real cluster did during a run.
type Machine struct {
	// Told are its figures, a sentence each; Strained are those that may explain why things
	// took long.
	Told     []string
	Strained []string
	// Died are containers or processes of the cluster that ended outside the plan, with the
	// reason as far as it is known. What comes after says nothing of the plan.
	Died []string
}

// Notes are what a report says of the machine.
func (m Machine) Notes() []string {
	var out []string
	for _, d := range m.Died {
		out = append(out, "outside the plan "+d)
	}
	if len(m.Told) > 0 {
		out = append(out, "the machine: "+strings.Join(m.Told, "; "))
	}
	return out
}
