package check

import (
	"fmt"
	"html"
	"strings"
)

// Anomaly is a proof that transactions weren't serializable: operations that contradict
// each other, or a cycle of transactions each of which must come before the next.
type Anomaly struct {
	// Name is after Adya (Weak Consistency, 1999): G0 is a cycle of writes, G1c one of
	// writes and reads, G-single has one read that was overwritten, G2 several; G1a is a read
	// of what was aborted, G1b of what was intermediate. With "-realtime", the cycle needs
	// that one transaction ended before another began.
	Name string
	Why  string
	Txns []Txn
	// Links say why each transaction of a cycle must come before the next, the last one
	// before the first.
	Links []Link
}

// Link is a reason for an order of two transactions.
type Link struct{ Kind, Why string }

// describe names a cycle.
func (g *graph) describe(path []step) Anomaly {
	var a Anomaly
	count := map[dep]int{}
	n := int32(len(g.txns))
	for i := 0; i < len(path); i++ { // begin at a transaction
		if path[i].from < n {
			path = append(path[i:], path[:i]...)
			break
		}
	}
	for i := 0; i < len(path); {
		s := path[i]
		a.Txns = append(a.Txns, g.txns[s.from])
		link := Link{s.kind.String(), s.why}
		count[s.kind]++
		for i++; i < len(path) && path[i].from >= n; i++ { // over moments
			link = Link{rt.String(), "ended before the next began"}
		}
		a.Links = append(a.Links, link)
	}
	switch {
	case count[rw] > 1:
		a.Name = "G2"
	case count[rw] == 1:
		a.Name = "G-single"
	case count[wr] > 0:
		a.Name = "G1c"
	default:
		a.Name = "G0"
	}
	if count[rt] > 0 {
		a.Name += "-realtime"
	}
	a.Why = "each of these must come before the next, and the last before the first"
	return a
}

// String lists the transactions, with a cycle drawn between them.
func (a Anomaly) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", a.Name, a.Why)
	for i := range a.Txns {
		first := i == 0 && len(a.Links) > 0
		switch {
		case first:
			fmt.Fprintf(&b, "┌─▶ T%d %v\n", i+1, &a.Txns[i])
		case len(a.Links) > 0:
			fmt.Fprintf(&b, "│   T%d %v\n", i+1, &a.Txns[i])
		default:
			fmt.Fprintf(&b, "    T%d %v\n", i+1, &a.Txns[i])
		}
		if i < len(a.Links) {
			mark := "│   "
			if i == len(a.Links)-1 {
				mark = "└── "
			}
			fmt.Fprintf(&b, "%s  ↓ %s %s\n", mark, a.Links[i].Kind, a.Links[i].Why)
		}
	}
	return b.String()
}

// SVG draws the transactions below each other, an arrow with its reason from each to the
// next, and one around from the last to the first. It stands alone.
func (a Anomaly) SVG() string {
	const left, row, box = 70, 74, 34
	y := func(i int) int { return 56 + i*row }
	widest := len(a.Why) + len(a.Name)
	for i := range a.Txns {
		widest = max(widest, len(a.Txns[i].String())+4)
	}
	width := left + 40 + 7*widest
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`, width, y(len(a.Txns))+10)
	b.WriteString(`<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="9" markerHeight="9" orient="auto"><path d="M0 0 8 4 0 8z" fill="#a33"/></marker></defs>`)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/><text x="16" y="28" font-size="15" font-weight="bold">%s</text>`, html.EscapeString(a.Name+": "+a.Why))
	for i := range a.Txns {
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" rx="6" fill="#eef" stroke="#446"/>`, left, y(i), width-left-16, box)
		fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`, left+10, y(i)+21, html.EscapeString(fmt.Sprintf("T%d %v", i+1, &a.Txns[i])))
	}
	for i, l := range a.Links {
		why := html.EscapeString(l.Kind + " " + l.Why)
		if i < len(a.Links)-1 {
			fmt.Fprintf(&b, `<path d="M%d %dV%d" stroke="#a33" marker-end="url(#tip)"/>`, left+30, y(i)+box, y(i+1))
			fmt.Fprintf(&b, `<text x="%d" y="%d" fill="#a33">%s</text>`, left+42, y(i)+box+24, why)
			continue
		}
		fmt.Fprintf(&b, `<path d="M%d %dH30V%dH%d" fill="none" stroke="#a33" marker-end="url(#tip)"/>`, left, y(i)+box/2, y(0)+box/2, left)
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="#a33">%s</text>`, 36, y(i)+box+20, why)
	}
	b.WriteString("</svg>\n")
	return b.String()
}
