//determinism:realtime a page that people watch

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/shardquake/shardquake/internal/control"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/reports/live"
	"github.com/shardquake/shardquake/reports/page"
	"github.com/shardquake/shardquake/scenarios"
)

const (
	// lookEvery is how often a page that is watched is told what is new.
	lookEvery = 500 * time.Millisecond
	// mostLooking is which part of the time may go into that: looking takes longer the longer
	// the run is, and the cluster stands meanwhile.
	mostLooking = 20
)

// servedPage is the live page of a cluster that is served.
type servedPage struct {
	run     *scenarios.Run
	control *control.Server
	feed    *live.Feed
	page    http.Handler
	nudge   chan struct{} // an order was carried out

	told   string // the plan as it was last told
	logged map[int]string
	at     units.Duration
	over   bool
}

// newServedPage is called in a process of the run's clock.
func newServedPage(r *scenarios.Run, c *control.Server, s *scenarios.Loaded) (*servedPage, error) {
	history := r.Glimpse()
	stream, err := live.NewStream(map[string]any{"nodes": history.Nodes})
	if err != nil {
		return nil, err
	}
	var faults []live.Suggestion
	for _, k := range r.Suggested() {
		order, err := json.Marshal(map[string]any{k.Fault.Kind(): k.Fault})
		if err != nil {
			return nil, fmt.Errorf("an order of %s: %w", k.Fault.Kind(), err)
		}
		faults = append(faults, live.Suggestion{Kind: k.Fault.Kind(), About: k.About, Order: string(order)})
	}
	content := live.Page{
		Head:   page.Verdict{Text: "SERVED", Title: s.Name, About: s.About},
		Meta:   fmt.Sprintf("seed %d", s.Seed),
		Stream: "/events", Faults: faults,
		Orders: []live.Order{
			{Path: "/pause", Text: "pause"}, {Path: "/resume", Text: "resume"}, {Path: "/step", Text: "step"},
			{Path: "/until?health=green", Text: "until green"}, {Path: "/speed?x=", Text: "speed", With: "such as 10"},
		},
	}
	p := &servedPage{run: r, control: c, feed: &live.Feed{Stream: stream, Scenario: s.Scenario}, nudge: make(chan struct{}, 1), logged: map[int]string{}}
	p.page, err = content.Handler()
	return p, err
}

// handler serves the page beside the orders.
func (p *servedPage) handler() http.Handler {
	orders := p.control.Handler(func(mux *http.ServeMux) {
		mux.Handle("GET /{$}", p.page)
		mux.Handle("GET /events", p.feed.Stream)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		orders.ServeHTTP(w, r)
		if r.Method == http.MethodGet {
			return
		}
		select {
		case p.nudge <- struct{}{}:
		default: // somebody looks already
		}
	})
}

// watch tells the page what is new until what it returns is called, or the cluster is not
// served any more. What it returns waits until the end has been published.
func (p *servedPage) watch(ctx context.Context) (enough func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer p.feed.Stream.End()
		for ctx.Err() == nil {
			var cost time.Duration
			err := p.control.Pacer.Do(ctx, "page", func(context.Context) {
				began := time.Now()
				p.look()
				cost = time.Since(began)
			})
			if err != nil {
				return // nobody is served any more
			}
			select {
			case <-time.After(max(lookEvery, mostLooking*cost)):
			case <-p.nudge:
			case <-ctx.Done():
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// farewell is how long readers may take to be told the end.
const farewell = time.Second

// leave ends a server once its readers know.
func leave(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	if server.Shutdown(ctx) != nil { // somebody reads on
		_ = server.Close()
	}
}

// look tells what is new. It is called in a process of the run's clock. After the run nobody
// observes the cluster: then the page shows its end, and the pace.
func (p *servedPage) look() {
	plan := p.control.PlanNow()
	err := p.tellPlan(plan)
	if !p.over && plan.Now != p.at {
		p.at = plan.Now
		err = errors.Join(err, p.feed.Tell(p.run.Glimpse()))
	}
	p.over = plan.Ended
	if err != nil { // numbers and texts can be written
		_ = p.feed.Stream.Publish(live.Log, map[string]any{"t": plan.Now.D().Seconds(), "text": err.Error()})
	}
}

// tellPlan tells the plan where it is another than before, and the log what became of faults.
func (p *servedPage) tellPlan(plan control.Plan) error {
	now := plan.Now.D().Seconds()
	plan.Now = 0
	text, err := json.Marshal(plan)
	if err != nil || string(text) == p.told {
		return err
	}
	p.told = string(text)
	errs := []error{p.feed.Stream.PublishState(live.Plan, "", json.RawMessage(text))}
	for _, f := range plan.Faults {
		if p.logged[f.ID] == f.State {
			continue
		}
		p.logged[f.ID] = f.State
		at := now
		switch f.State {
		case "in force":
			at = f.Struck.D().Seconds()
		case "healed":
			at = f.Healed.D().Seconds()
		}
		line := map[string]any{"t": at, "text": fmt.Sprintf("fault %d, %s: %s", f.ID, f.Planned.Fault.Kind(), f.State)}
		errs = append(errs, p.feed.Stream.Publish(live.Log, line))
	}
	return errors.Join(errs...)
}
