package es

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/clock"
)

// answers spoils what nodes answer to the controllers. Those run in the runner's own
// process on every backend, and reach the nodes through a transport that the runner
// hands them; so this is done here, and is the same for all backends.
type answers struct {
	cluster Cluster

	mu    sync.Mutex // held for moments only
	rules []*spoiling
}

// spoiling is a rule; its number is its place in the list, from 1.
type spoiling struct {
	viewer, node string
	chaos.Spoil
	over bool
}

var _ chaos.Answers = (*answers)(nil)

// Spoil implements [chaos.Answers].
func (a *answers) Spoil(_ context.Context, viewer, node string, s chaos.Spoil) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rules = append(a.rules, &spoiling{viewer: viewer, node: node, Spoil: s})
	return len(a.rules), nil
}

// Unspoil implements [chaos.Answers].
func (a *answers) Unspoil(_ context.Context, rule int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if rule < 1 || rule > len(a.rules) {
		return fmt.Errorf("there is no rule %d about answers", rule)
	}
	a.rules[rule-1].over = true
	return nil
}

// meets is the rule that meets a call, 0 for none.
func (a *answers) meets(viewer, node, method string) (int, chaos.Spoil) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := len(a.rules) - 1; i >= 0; i-- {
		s := a.rules[i]
		if s.over || s.viewer != viewer || s.node != node || (s.ChangesOnly && harmless(method)) {
			continue
		}
		if s.Share < 1 && a.cluster.Clock(viewer).Rand("chaos/answers").Float64() >= s.Share {
			continue
		}
		return i + 1, s.Spoil
	}
	return 0, chaos.Spoil{}
}

func harmless(method string) bool { return method == http.MethodGet || method == http.MethodHead }

const (
	// mostAsked is how often Ask asks until a rule meets a call, askLimit how long it waits
	// for one answer.
	mostAsked = 40
	askLimit  = 2 * time.Second
)

// Ask implements [chaos.Answers].
func (a *answers) Ask(ctx context.Context, rule int) (met bool, saw string, err error) {
	a.mu.Lock()
	if rule < 1 || rule > len(a.rules) {
		a.mu.Unlock()
		return false, "", fmt.Errorf("there is no rule %d about answers", rule)
	}
	s := *a.rules[rule-1]
	a.mu.Unlock()
	way := a.transport(s.viewer)
	for range mostAsked {
		by := 0
		by, saw, err = way.ask(ctx, s)
		if err != nil || by == rule || s.over {
			return by == rule, saw, err
		}
	}
	return false, saw, nil
}

// spoiledWay is a viewer's transport with the rules in between.
type spoiledWay struct {
	answers *answers
	viewer  string
	clock   clock.Clock
	base    http.RoundTripper
	nodes   map[string]string // by the hosts of their addresses
}

// transport is a viewer's way to the nodes.
func (a *answers) transport(viewer string) *spoiledWay {
	w := &spoiledWay{answers: a, viewer: viewer, clock: a.cluster.Clock(viewer), base: a.cluster.Transport(viewer), nodes: make(map[string]string)}
	for _, n := range a.cluster.Nodes() {
		if u, err := url.Parse(a.cluster.URL(viewer, n)); err == nil {
			w.nodes[u.Host] = n
		}
	}
	return w
}

// RoundTrip implements [http.RoundTripper].
func (w *spoiledWay) RoundTrip(req *http.Request) (*http.Response, error) {
	_, res, err := w.send(req)
	return res, err
}

// send also says which rule met the call.
func (w *spoiledWay) send(req *http.Request) (int, *http.Response, error) {
	rule, s := w.answers.meets(w.viewer, w.nodes[req.URL.Host], req.Method)
	if rule == 0 {
		res, err := w.base.RoundTrip(req)
		return 0, res, err
	}
	var res *http.Response
	var err error
	switch s.Answer {
	case chaos.AnswerLost:
		if res, err = w.base.RoundTrip(req); err == nil {
			err = drain(res)
		}
	case chaos.AnswerNone:
		err = discard(req)
	default:
		res, err = w.refuse(req, s)
		return rule, res, err
	}
	if err != nil {
		return rule, nil, err
	}
	return rule, nil, w.silence(req.Context())
}

// silence waits for an answer that never comes.
func (w *spoiledWay) silence(ctx context.Context) error {
	if err := w.clock.NewEvent().Wait(ctx); err != nil {
		return err
	}
	return ctx.Err()
}

// refuse answers with the rule's status. That takes the way to the node and back: a node
// that can't be reached refuses nothing.
func (w *spoiledWay) refuse(req *http.Request, s chaos.Spoil) (*http.Response, error) {
	if err := discard(req); err != nil {
		return nil, err
	}
	ping, err := http.NewRequestWithContext(req.Context(), http.MethodHead, req.URL.Scheme+"://"+req.URL.Host+"/", nil)
	if err != nil {
		return nil, err
	}
	pong, err := w.base.RoundTrip(ping)
	if err == nil {
		err = drain(pong)
	}
	if err != nil {
		return nil, err
	}
	status, kind := http.StatusServiceUnavailable, "unavailable_shards_exception"
	if s.Answer == chaos.AnswerBusy {
		status, kind = http.StatusTooManyRequests, "es_rejected_execution_exception"
	}
	body := fmt.Sprintf(`{"error":{"type":%q,"reason":"refused by a fault of the scenario"},"status":%d}`, kind, status)
	res := &http.Response{
		StatusCode: status, Status: strconv.Itoa(status) + " " + http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}, "X-Elastic-Product": {"Elasticsearch"}}, Request: req,
		ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader([]byte(body))),
	}
	if s.RetryAfter > 0 {
		res.Header.Set("Retry-After", strconv.FormatInt(int64(s.RetryAfter/time.Second), 10))
	}
	return res, nil
}

// ask makes a call of the kind that a rule is about which changes nothing.
func (w *spoiledWay) ask(ctx context.Context, s spoiling) (rule int, saw string, err error) {
	limited, cancel := w.clock.WithTimeout(ctx, askLimit)
	defer cancel()
	method, path, body := http.MethodGet, "/", ""
	if s.ChangesOnly {
		method, path, body = http.MethodPost, "/_cluster/reroute?dry_run=true&metric=none", `{"commands":[]}`
	}
	base := ""
	for _, n := range w.answers.cluster.Nodes() {
		if n == s.node {
			base = w.answers.cluster.URL(w.viewer, n)
		}
	}
	req, err := http.NewRequestWithContext(limited, method, base+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	call := fmt.Sprintf("%s %s on %s", method, strings.SplitN(path, "?", 2)[0], s.node)
	rule, res, err := w.send(req)
	switch {
	case ctx.Err() != nil:
		return rule, "", ctx.Err()
	case err != nil && limited.Err() != nil:
		return rule, fmt.Sprintf("%s: no answer within %v", call, askLimit), nil
	case err != nil:
		return rule, fmt.Sprintf("%s: %v", call, err), nil
	}
	if err := drain(res); err != nil {
		return rule, fmt.Sprintf("%s: %v", call, err), nil
	}
	return rule, fmt.Sprintf("%s: status %d", call, res.StatusCode), nil
}

// drain reads an answer to its end.
func drain(res *http.Response) error {
	_, err := io.Copy(io.Discard, res.Body)
	if closeErr := res.Body.Close(); err == nil {
		err = closeErr
	}
	return err
}

// discard takes a request's body, as a connection does whose other end is gone.
func discard(req *http.Request) error {
	if req.Body == nil {
		return nil
	}
	_, err := io.Copy(io.Discard, req.Body)
	if closeErr := req.Body.Close(); err == nil {
		err = closeErr
	}
	return err
}
