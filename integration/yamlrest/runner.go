package yamlrest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// Ask sends a request: an HTTP client, or a client inside a simulation.
type Ask func(ctx context.Context, method, uri string, header http.Header, body []byte) (Reply, error)

// Reply is an answer.
type Reply struct {
	Status int
	JSON   bool // by its Content-Type
	Body   []byte
}

// Runner plays tests.
type Runner struct {
	Spec *Spec
	Ask  Ask
}

// Outcome is what came of a test.
type Outcome struct {
	Suite, Test string
	// Skipped says why the test is not for this node; Failed which step failed, and how. Both
	// empty: it passed.
	Skipped, Failed string
}

// Run plays the tests of a suite, each on a cluster that was swept.
func (r *Runner) Run(ctx context.Context, s *Suite) ([]Outcome, error) {
	var out []Outcome
	for _, t := range s.Tests {
		o := Outcome{Suite: s.Name, Test: t.Name}
		if o.Skipped = skips(s.setup); o.Skipped == "" {
			o.Skipped = skips(t.steps)
		}
		if o.Skipped == "" {
			if err := r.sweep(ctx); err != nil {
				return out, fmt.Errorf("%s: %s: %w", s.Name, t.Name, err)
			}
			p := &play{r: r, stash: map[string]any{}}
			err := p.steps(ctx, s.setup)
			if err == nil {
				err = p.steps(ctx, t.steps)
			}
			if end := p.steps(ctx, s.teardown); err == nil {
				err = end
			}
			if err != nil {
				o.Failed = err.Error()
			}
		}
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		out = append(out, o)
	}
	return out, r.sweep(ctx)
}

// sweep leaves nothing of the test before.
func (r *Runner) sweep(ctx context.Context) error {
	for _, q := range [][2]string{
		{http.MethodDelete, "/_data_stream/*?expand_wildcards=all"},
		{http.MethodDelete, "/_index_template/*"},
		{http.MethodDelete, "/_component_template/*"},
		{http.MethodDelete, "/_template/*"},
		{http.MethodPut, "/_cluster/settings"},
	} {
		var body []byte
		if q[0] == http.MethodPut {
			body = []byte(`{"persistent":{"*":null},"transient":{"*":null}}`)
		}
		if _, err := r.Ask(ctx, q[0], q[1], jsonHeader(), body); err != nil {
			return err
		}
	}
	if err := r.sweepIndices(ctx); err != nil {
		return err
	}
	return r.sweepSnapshots(ctx)
}

// sweepIndices deletes them by name: nodes refuse wildcards.
func (r *Runner) sweepIndices(ctx context.Context) error {
	got, err := r.Ask(ctx, http.MethodGet, "/_all/_settings?expand_wildcards=all&flat_settings=true", jsonHeader(), nil)
	if err != nil {
		return err
	}
	var indices map[string]any
	if json.Unmarshal(got.Body, &indices) != nil {
		return nil
	}
	for _, name := range sortedKeys(indices) {
		if _, err := r.Ask(ctx, http.MethodDelete, "/"+escape(name), jsonHeader(), nil); err != nil {
			return err
		}
	}
	return nil
}

func (r *Runner) sweepSnapshots(ctx context.Context) error {
	got, err := r.Ask(ctx, http.MethodGet, "/_snapshot", jsonHeader(), nil)
	if err != nil {
		return err
	}
	var repos map[string]any
	if json.Unmarshal(got.Body, &repos) != nil {
		return nil
	}
	for _, name := range sortedKeys(repos) {
		for _, uri := range []string{"/_snapshot/" + name + "/*", "/_snapshot/" + name} {
			if _, err := r.Ask(ctx, http.MethodDelete, uri, jsonHeader(), nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func jsonHeader() http.Header { return http.Header{"Content-Type": {"application/json"}} }

// errParam is the client's refusal of a call that lacks a part, or has a wrong parameter.
var errParam = errors.New("the API has no such parameter, or lacks one")

// play is a test being played.
type play struct {
	r     *Runner
	stash map[string]any
	last  any // of the answer's body
}

func (p *play) steps(ctx context.Context, list []step) error {
	for i, s := range list {
		if err := p.step(ctx, s); err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, s.kind, err)
		}
	}
	return nil
}

func (p *play) step(ctx context.Context, s step) error {
	switch s.kind {
	case "skip":
		return nil
	case "do":
		return p.do(ctx, s.with)
	}
	check, ok := checks[s.kind]
	if !ok {
		return fmt.Errorf("the runner has no such step")
	}
	return check(p, s.with)
}

// do makes a call, and holds its status to what is expected.
func (p *play) do(ctx context.Context, with any) error {
	m, ok := with.(map[string]any)
	if !ok {
		return fmt.Errorf("expected a call, found %T", with)
	}
	var name, catch string
	header := http.Header{"Content-Type": {"application/json"}}
	var args map[string]any
	for _, k := range sortedKeys(m) {
		switch k {
		case "catch":
			catch = text(m[k])
		case "headers":
			h, _ := m[k].(map[string]any)
			for _, name := range sortedKeys(h) {
				header.Set(name, text(p.resolve(h[name])))
			}
		case "warnings", "allowed_warnings", "warnings_regex", "allowed_warnings_regex", "node_selector":
		default:
			name = k
			args, _ = p.resolve(m[k]).(map[string]any)
		}
	}
	method, uri, err := p.r.Spec.call(name, args)
	if catch == "param" {
		if err == nil {
			return errors.New("expected the client to refuse the call")
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	body, lines := bodyOf(args["body"])
	if lines {
		header.Set("Content-Type", "application/x-ndjson")
	}
	got, err := p.r.Ask(ctx, method, uri, header, body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, uri, err)
	}
	p.rememberBody(method, got)
	return judge(fmt.Sprintf("%s %s", method, uri), catch, ignored(args), method, got)
}

// ignored are statuses that a call takes for good.
func ignored(args map[string]any) []string {
	var out []string
	for _, v := range asList(args["ignore"]) {
		out = append(out, text(v))
	}
	return out
}

// rememberBody remembers the answer's body: of HEAD whether there was anything.
func (p *play) rememberBody(method string, got Reply) {
	p.last = string(got.Body)
	switch {
	case method == http.MethodHead:
		p.last = got.Status < 300
	case got.JSON:
		d := json.NewDecoder(bytes.NewReader(got.Body))
		d.UseNumber()
		var v any
		if d.Decode(&v) == nil {
			p.last = v
		}
	}
	p.stash["body"] = p.last
}

// catches are the statuses that words stand for.
var catches = map[string]func(status int) bool{
	"bad_request":     func(s int) bool { return s == 400 },
	"unauthorized":    func(s int) bool { return s == 401 },
	"forbidden":       func(s int) bool { return s == 403 },
	"missing":         func(s int) bool { return s == 404 },
	"request_timeout": func(s int) bool { return s == 408 },
	"conflict":        func(s int) bool { return s == 409 },
	"unavailable":     func(s int) bool { return s == 503 },
	"request":         func(s int) bool { return s >= 400 },
}

func judge(what, catch string, ignore []string, method string, got Reply) error {
	shown := got.Body[:min(len(got.Body), 400)]
	for _, s := range ignore {
		if s == fmt.Sprint(got.Status) {
			return nil
		}
	}
	if catch == "" {
		if got.Status >= 400 && !(method == http.MethodHead && got.Status == 404) {
			return fmt.Errorf("%s: %d: %s", what, got.Status, shown)
		}
		return nil
	}
	if fits, ok := catches[catch]; ok {
		if !fits(got.Status) {
			return fmt.Errorf("%s: expected %s, got %d: %s", what, catch, got.Status, shown)
		}
		return nil
	}
	re, err := regexp.Compile(strings.Trim(catch, "/"))
	if err != nil {
		return fmt.Errorf("catch %s: %w", catch, err)
	}
	if got.Status < 400 || !re.Match(unescaped(got.Body)) {
		return fmt.Errorf("%s: expected %s, got %d: %s", what, catch, got.Status, shown)
	}
	return nil
}

// unescaped is an error's text as a pattern is written for.
func unescaped(body []byte) []byte { return bytes.ReplaceAll(body, []byte(`\"`), []byte(`"`)) }
