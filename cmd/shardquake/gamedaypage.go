//determinism:realtime a page that people watch

package main

import (
	"context"
	_ "embed" // the page of the approval
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/shardquake/shardquake/internal/control"
	report "github.com/shardquake/shardquake/reports/gameday"
	"github.com/shardquake/shardquake/reports/live"
	"github.com/shardquake/shardquake/reports/page"
	"github.com/shardquake/shardquake/scenarios/gameday"
)

// gamedayPage serves the approval first, then the live page.
type gamedayPage struct {
	day    *day
	url    string
	server *http.Server
	given  chan gameday.Approval

	mu      sync.Mutex
	handler http.Handler
	stream  *live.Stream // from the approval on
	feed    *live.Feed
}

// newGamedayPage serves that it is being predicted.
func newGamedayPage(d *day, l net.Listener) *gamedayPage {
	p := &gamedayPage{day: d, url: "http://" + l.Addr().String(), given: make(chan gameday.Approval, 1)}
	mux := p.orders()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Refresh", "2")
		http.Error(w, "the game day is being predicted; POST /halt ends it", http.StatusServiceUnavailable)
	})
	p.handler = mux
	p.server = &http.Server{Handler: control.Guard(d.flags.token, p), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = p.server.Serve(l) }() // ends with Close
	return p
}

// orders are taken at any time.
func (p *gamedayPage) orders() *http.ServeMux {
	mux := http.NewServeMux()
	p.day.course.Orders(mux)
	return mux
}

func (p *gamedayPage) serve(mux *http.ServeMux) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handler = mux
}

// asks serves the approval from now on.
func (p *gamedayPage) asks() error {
	d := p.day
	approval, err := report.ApprovalPage(d.plan, d.hash, d.predict)
	if err != nil {
		return err
	}
	stream, err := live.NewStream(map[string]any{"nodes": []string{}, "bands": d.predict.Bands})
	if err != nil {
		return err
	}
	scaled, _ := d.scenario.Scaled(d.scale)
	p.mu.Lock()
	p.stream, p.feed = stream, &live.Feed{Stream: stream, Scenario: scaled}
	p.mu.Unlock()
	mux := p.orders()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'")
		_, _ = w.Write(approval) // the reader may be gone
	})
	mux.HandleFunc("POST /approve", p.approve)
	mux.HandleFunc("POST /refuse", func(w http.ResponseWriter, r *http.Request) {
		who, why := strings.TrimSpace(r.FormValue("name")), strings.TrimSpace(r.FormValue("reason"))
		d.course.Halt(d.ctx, or(who, "page"), or(why, "it was not let begin"))
		http.Error(w, "halted: nothing has been done", http.StatusAccepted)
	})
	p.serve(mux)
	return nil
}

// ServeHTTP implements [http.Handler].
func (p *gamedayPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	h := p.handler
	p.mu.Unlock()
	h.ServeHTTP(w, r)
}

// approve takes the form of the approval.
func (p *gamedayPage) approve(w http.ResponseWriter, r *http.Request) {
	a := gameday.Approval{Hash: r.FormValue("hash"), Name: strings.TrimSpace(r.FormValue("name")), Reason: strings.TrimSpace(r.FormValue("reason"))}
	if err := p.day.fits(a); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	select {
	case p.given <- a:
	default: // somebody was faster
	}
	w.Header().Set("Refresh", "2; url=/")
	http.Error(w, "approved; the live page comes when the game day begins", http.StatusAccepted)
}

// live serves the course from now on.
func (p *gamedayPage) live() {
	d := p.day
	var figures []live.Figure
	for _, b := range d.predict.Bands {
		figures = append(figures, live.Figure{Name: b.Figure, About: b.About})
	}
	content := live.Page{
		Head:   page.Verdict{Mark: "unknown", Text: "GAME DAY", Title: d.scenario.Name, About: d.scenario.Gameday.Hypothesis},
		Meta:   fmt.Sprintf("%s, seed %d; predicted from %d simulated runs; approved by %s: %s", d.flags.backend, d.scenario.Seed, d.predict.Seeds, d.approval.Name, d.approval.Reason),
		Stream: "/events", Gameday: true, Figures: figures,
		Orders: []live.Order{{Path: "/halt", Text: "halt", With: "NAME: reason"}, {Path: "/next", Text: "next step"}, {Path: "/pause", Text: "pause"}, {Path: "/resume", Text: "resume"}, {Path: "/note", Text: "note", With: "NAME: note"}},
	}
	html, err := content.Handler()
	if err != nil {
		html = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		})
	}
	mux := p.orders()
	mux.Handle("GET /{$}", html)
	mux.Handle("GET /events", p.stream)
	p.serve(mux)
}

// moment tells the readers, once there is something to look at.
func (p *gamedayPage) moment(m gameday.Moment, text string) {
	p.mu.Lock()
	stream := p.stream
	p.mu.Unlock()
	if stream == nil {
		return
	}
	_ = stream.Publish(live.Log, map[string]any{"t": m.At.D().Seconds(), "text": text}) // texts and numbers can be written
}

func (p *gamedayPage) sight(s gameday.Sight, sample report.Sample) {
	err := errors.Join(p.feed.Tell(s.History), p.stream.Publish("values", sample), p.stream.Publish("sight", report.SightOf(s)))
	if err != nil {
		p.day.progress.line("the page: %v", err)
	}
}

func (p *gamedayPage) end() { p.stream.End() }

func (p *gamedayPage) close() { _ = p.server.Close() }

// fits refuses an approval that is not of this plan, or of nobody.
func (d *day) fits(a gameday.Approval) error {
	switch {
	case len(a.Hash) < 8 || !strings.HasPrefix(d.hash, a.Hash):
		return fmt.Errorf("approved was plan %q, but this is %s: look at it again", a.Hash, d.hash[:12])
	case a.Name == "" || a.Reason == "":
		return errors.New("an approval has a name and a reason")
	}
	return nil
}

// errNotApproved ends a game day before anything is done.
var errNotApproved = errors.New("not approved: nothing has been done")

// approved shows the plan and waits for somebody who lets it be done.
func (d *day) approved() error {
	out := d.cmd.OutOrStdout()
	if err := report.WritePlan(out, d.plan, d.hash, d.predict); err != nil {
		return err
	}
	if err := d.own.keepForApproval(); err != nil {
		return err
	}
	if n := len(d.predict.Touched); n > 0 && d.flags.despite == "" {
		return fmt.Errorf("simulated runs touch guardrails: %s; expected a milder plan, or --despite REASON", strings.Join(d.predict.Touched, ", "))
	}
	switch {
	case d.flags.yes:
		d.approval = gameday.Approval{Hash: d.hash, Name: or(d.flags.as, "--yes"), Reason: or(d.flags.reason, "a pipeline, on nodes made for it")}
		return nil
	case d.flags.approve != "":
		d.approval = gameday.Approval{Hash: d.flags.approve, Name: d.flags.as, Reason: d.flags.reason}
		if d.own != nil && !strings.HasPrefix(d.hash, d.flags.approve) {
			return d.own.shown(d.flags.approve)
		}
		return d.fits(d.approval)
	}
	fmt.Fprintf(out, "\n  page     %s\n", d.page.url)
	ctx, cancel := context.WithTimeout(d.ctx, approvalLimit)
	defer cancel()
	if !d.flags.waitForPage {
		if !d.askOnTerminal(ctx) {
			return fmt.Errorf("%w; approve it with --approve %s --as NAME --reason TEXT, or on the page with --wait-for-page", errNotApproved, d.hash[:12])
		}
		return nil
	}
	select {
	case d.approval = <-d.page.given:
		return nil
	case <-ctx.Done():
		return errNotApproved
	}
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
