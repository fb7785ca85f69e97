package divergence

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
)

// Parting is where two traces of the same scenario and seed part, and what followed.
type Parting struct {
	Labels [2]string `json:"labels"`
	// Agree is how many entries are equal, until AgreeS.
	Agree  int     `json:"agree"`
	AgreeS float64 `json:"agree_until_s"`
	// First is the first entry of each that the other has not; nil where its trace had ended.
	First [2]*Moment `json:"first"`
	// Story is the first moment from t=0 on at which what weighs differs, in what happens or
	// clearly in when; nil where it nowhere does, or a side has nothing more.
	Story [2]*Moment `json:"story"`
	// After is what weighs in what followed, by side, in order; More how much was left out.
	After [2][]Moment `json:"after"`
	More  [2]int      `json:"more"`
}

// Moment is something that happened, in words.
type Moment struct {
	AtS  float64 `json:"at_s"`
	Text string  `json:"text"`
	// Shared is whether the other side has the same at any time.
	Shared bool `json:"shared,omitempty"`
}

// mostAfter bounds what is told of each side.
const mostAfter = 25

// Of finds where two traces (without their heads) part; nil when they are equal.
func Of(labels [2]string, a, b []byte) (*Parting, error) {
	scan := func(t []byte) *bufio.Scanner {
		s := bufio.NewScanner(bytes.NewReader(t))
		s.Buffer(nil, 64<<20)
		return s
	}
	at := Find(scan(a), scan(b))
	if !at.Parted {
		return nil, nil
	}
	p := &Parting{Labels: labels, Agree: at.Agree}
	var rest [2][]Entry
	for i, trace := range [][]byte{a, b} {
		all, err := Parse(trace)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", labels[i], err)
		}
		if at.Agree > 0 {
			p.AgreeS = all[at.Agree-1].AtS
		}
		if at.Agree < len(all) {
			p.First[i] = &Moment{AtS: all[at.Agree].AtS, Text: all[at.Agree].Text()}
		}
		rest[i] = all[at.Agree:]
	}
	p.Story = clearly(rest)
	for i := range rest {
		p.After[i], p.More[i] = story(rest[i], rest[1-i])
	}
	return p, nil
}

// story is what weighs in one side, beginning with what the other has not at that time.
func story(of, other []Entry) (told []Moment, more int) {
	elsewhere := make(map[string]bool)
	for _, e := range other {
		if e.Weighs() {
			elsewhere[e.Text()] = true
		}
	}
	before := ""
	for _, e := range of {
		if !e.Weighs() {
			continue
		}
		text := e.Text()
		if text == before {
			continue
		}
		before = text
		if len(told) == mostAfter {
			more++
			continue
		}
		told = append(told, Moment{AtS: e.AtS, Text: text, Shared: elsewhere[text]})
	}
	return told, more
}

// What happens later by more than both of these is clearly later: no two runs of different
// circumstances keep the same time to the microsecond.
const (
	clearlyS    = 0.2
	clearlyPart = 0.02
)

// clearly finds the first moment at which what weighs differs.
func clearly(rest [2][]Entry) [2]*Moment {
	var weighs [2][]Moment
	for i, all := range rest {
		for _, e := range all {
			if e.AtS >= 0 && e.Weighs() {
				weighs[i] = append(weighs[i], Moment{AtS: e.AtS, Text: e.Text()})
			}
		}
	}
	for k := range max(len(weighs[0]), len(weighs[1])) {
		var at [2]*Moment
		for i := range weighs {
			if k < len(weighs[i]) {
				at[i] = &weighs[i][k]
			}
		}
		if at[0] == nil || at[1] == nil || at[0].Text != at[1].Text {
			return at
		}
		if apart := at[1].AtS - at[0].AtS; max(apart, -apart) > max(clearlyS, float64(clearlyPart*at[0].AtS)) {
			return at
		}
	}
	return [2]*Moment{}
}

// Sentence is the parting in one line.
func (p *Parting) Sentence() string {
	if p == nil {
		return "the traces are equal"
	}
	first := p.Story
	if first[0] == nil && first[1] == nil {
		first = p.First
	}
	side := func(i int) string {
		if first[i] == nil {
			return fmt.Sprintf("in %s nothing more", p.Labels[i])
		}
		return fmt.Sprintf("in %s at %.4g s: %s", p.Labels[i], first[i].AtS, first[i].Text)
	}
	return fmt.Sprintf("the traces are equal for %s; what first differs clearly is %s; %s", entries(p.Agree), side(0), side(1))
}

// Write tells the parting for a terminal.
func (p *Parting) Write(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "equal for %s, until %.4g s\n", entries(p.Agree), p.AgreeS)
	for i, label := range p.Labels {
		fmt.Fprintf(&b, "\n%s\n", label)
		if p.First[i] == nil {
			b.WriteString("  its trace has ended\n")
			continue
		}
		fmt.Fprintf(&b, "  first    %9.3f s  %s\n", p.First[i].AtS, p.First[i].Text)
		if p.Story[i] != nil {
			fmt.Fprintf(&b, "  clearly  %9.3f s  %s\n", p.Story[i].AtS, p.Story[i].Text)
		}
		for _, m := range p.After[i] {
			mark := " "
			if !m.Shared {
				mark = "*"
			}
			fmt.Fprintf(&b, "  then   %s %9.3f s  %s\n", mark, m.AtS, m.Text)
		}
		if p.More[i] > 0 {
			fmt.Fprintf(&b, "  … and %d more\n", p.More[i])
		}
	}
	b.WriteString("\n* the other run has this at no time\n")
	_, err := io.WriteString(out, b.String())
	return err
}

func entries(n int) string {
	if n == 1 {
		return "one entry"
	}
	return fmt.Sprintf("%d entries", n)
}
