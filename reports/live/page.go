package live

import (
	_ "embed" // the page
	"net/http"

	"github.com/shardquake/shardquake/reports/page"
)

//go:embed page.html
var body string

// Parts are templates of a game day's page, live and saved: "figures" and "watched".
//
//go:embed parts.html
var Parts string

// Order is a button of a live page: a POST to Path, whose answer is told beside it.
type Order struct {
	Path, Text string
	// With is a word about the text that the order takes along; "": none.
	With string
}

// Page is what a live page says besides what its stream brings.
type Page struct {
	Head   page.Verdict
	Meta   string
	Orders []Order
	// Gameday adds steps, guardrails, expectations and the figures with their bands.
	Gameday bool
	Figures []Figure
	// Faults adds the plan of a cluster that is served, with buttons that heal, and a choice of
	// what can be injected.
	Faults []Suggestion
	// Stream is the path at which the [Stream] is served.
	Stream string
}

// Figure is a chart of a figure inside its band.
type Figure struct{ Name, About string }

// Suggestion is a fault that can be ordered: its kind, and an order that fits the cluster.
type Suggestion struct{ Kind, About, Order string }

// HTML makes the page.
func (p Page) HTML() ([]byte, error) {
	scripts := []page.Script{page.Run, page.Live}
	if p.Gameday {
		scripts = []page.Script{page.Run, page.Gameday, page.Live}
	}
	if p.Faults != nil {
		scripts = []page.Script{page.Run, page.Served, page.Live}
	}
	return page.Render(page.Content{
		Title: p.Head.Title, Body: body + Parts, V: p, Scripts: scripts,
		Data: map[string]any{"nodes": []string{}, "closed": 0, "stream": p.Stream},
	})
}

// Handler serves the page with a policy that lets it talk to its own server and nobody else.
func (p Page) Handler() (http.Handler, error) {
	text, err := p.HTML()
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'")
		_, _ = w.Write(text) // the reader may be gone
	}), nil
}
