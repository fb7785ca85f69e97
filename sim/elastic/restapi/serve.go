package restapi

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/shardquake/shardquake/internal/paced"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// ServeConfig says how a cluster is served to real clients.
type ServeConfig struct {
	// Listeners are the ports of the nodes, in order of [elastic.Cluster.Nodes].
	Listeners []net.Listener
	// Viewer is the network's endpoint that the clients sit at.
	Viewer string
	// Speed is how many seconds pass in the model while one passes on the wall; 0 means 1.
	Speed float64
	// Token is what clients must present as a bearer token, an API key or a password;
	// "" lets everyone in.
	Token string
}

// Limits of a served cluster.
const (
	maxBody     = 100 << 20 // http.max_content_length
	headTimeout = 10 * time.Second
)

// Serve answers clients until ctx ends or the model fails, and drives the engine. It closes
// the listeners.
func (a *API) Serve(ctx context.Context, cfg ServeConfig) error {
	if cfg.Speed == 0 {
		cfg.Speed = 1
	}
	clock := a.cluster.Engine().Clock(cfg.Viewer)
	script := sim.Script{Engine: a.cluster.Engine(), Clock: clock, Broken: a.cluster.Err}
	return script.Run(ctx, func(run, _ context.Context) error {
		return a.Attend(run, clock, paced.New(cfg.Speed), cfg)
	})
}

// Attend answers clients until ctx ends, as a process of a cluster whose engine somebody else
// drives, and lets the pacer pace it. It closes the listeners.
func (a *API) Attend(ctx context.Context, clock *sim.Clock, pacer *paced.Pacer, cfg ServeConfig) error {
	nodes := a.cluster.Nodes()
	if len(cfg.Listeners) != len(nodes) {
		return fmt.Errorf("%d listeners for %d nodes", len(cfg.Listeners), len(nodes))
	}
	s := &server{api: a, cfg: cfg, pacer: pacer}
	a.published = map[string]string{}
	for i, l := range cfg.Listeners {
		a.published[nodes[i].Name()] = l.Addr().String()
	}
	for i, l := range cfg.Listeners {
		s.ports = append(s.ports, &port{node: nodes[i], handler: s.node(nodes[i].Name()), address: l.Addr().String(), listener: l})
	}
	defer s.close()
	engine := a.cluster.Engine()
	pacer.Run(ctx, paced.World{Clock: clock, Look: s.look, Next: func() time.Duration {
		if next := engine.NextAt(); next != sim.Never {
			return time.Duration(next - engine.Now())
		}
		return time.Hour
	}})
	return s.failed
}

type server struct {
	api    *API
	cfg    ServeConfig
	pacer  *paced.Pacer
	ports  []*port
	failed error
}

// outcome is what came of a client's request.
type outcome struct {
	resp *http.Response
	body []byte
	err  error
}

// begin sends the request into the simulation.
func (s *server) begin(ctx context.Context, req *http.Request) (o outcome) {
	if o.resp, o.err = s.api.RoundTripper(s.cfg.Viewer).RoundTrip(req.WithContext(ctx)); o.err == nil {
		o.body, o.err = io.ReadAll(o.resp.Body)
		_ = o.resp.Body.Close()
	}
	return o
}

// node is the handler of one node's port.
func (s *server) node(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if problem := s.admit(r); problem != nil {
			write(w, problem)
			return
		}
		body, err := readAll(w, r)
		if err != nil {
			e := tooLarge()
			if !errors.Is(err, errTooLarge) {
				e = &elastic.Error{Status: http.StatusBadRequest, Reason: err.Error()}
			}
			write(w, s.api.failure(&rest.Request{Params: map[string]string{}}, e))
			return
		}
		var o outcome
		req := forNode(r, name, body)
		if err := s.pacer.Do(r.Context(), "http", func(ctx context.Context) { o = s.begin(ctx, req) }); err != nil {
			panic(http.ErrAbortHandler)
		}
		s.reply(w, r, o)
	})
}

// forNode is the request as the node of that name is to see it.
func forNode(r *http.Request, name string, body []byte) *http.Request {
	u := *r.URL
	u.Scheme, u.Host = "http", name+":9200"
	header := r.Header.Clone()
	header.Del("Content-Encoding") // it is unpacked
	req := (&http.Request{Method: r.Method, URL: &u, Header: header, Host: u.Host}).WithContext(r.Context())
	req.Body = io.NopCloser(bytes.NewReader(body))
	return req
}

func tooLarge() *elastic.Error {
	return &elastic.Error{Status: http.StatusRequestEntityTooLarge, Reason: "the request is larger than http.max_content_length"}
}

// reply hands the node's answer on. Where the node refused or reset the connection,
// the client's is closed without an answer.
func (s *server) reply(w http.ResponseWriter, r *http.Request, o outcome) {
	if o.err != nil {
		panic(http.ErrAbortHandler)
	}
	for _, name := range []string{"Allow", "Content-Type", "Location", "Warning"} {
		if v := o.resp.Header.Get(name); v != "" {
			w.Header().Set(name, v)
		}
	}
	if v := o.resp.Header.Get(productHeader.Name); v != "" {
		w.Header()[productHeader.Name] = []string{v}
	}
	send(w, r, o.resp.StatusCode, o.body)
}

func write(w http.ResponseWriter, a *Answer) {
	for _, h := range a.Headers {
		w.Header().Add(h.Name, fmt.Sprint(h.Value))
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body)
}

// admit refuses clients without the token and, without one, requests that a page in a
// browser could have been made to send under another name for this machine.
func (s *server) admit(r *http.Request) *Answer {
	plain := &rest.Request{Params: map[string]string{}}
	if s.cfg.Token == "" {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if ip := net.ParseIP(strings.Trim(host, "[]")); host == "localhost" || ip != nil && ip.IsLoopback() {
			return nil
		}
		return s.api.failure(plain, &elastic.Error{Status: http.StatusForbidden, Reason: "Host [" + r.Host + "] is not this machine's loopback address"})
	}
	if subtle.ConstantTimeCompare([]byte(credentials(r)), []byte(s.cfg.Token)) == 1 {
		return nil
	}
	e := &elastic.Error{
		Status: http.StatusUnauthorized, Type: "security_exception", Reason: unauthenticated(r),
		Headers: []elastic.Field{{Name: "WWW-Authenticate", Value: "Bearer"}},
	}
	return s.api.failure(plain, e)
}

// unauthenticated says why a request is not let in: it bears nothing, or what it bears is wrong.
func unauthenticated(r *http.Request) string {
	uri := (&url.URL{Path: r.URL.Path, RawQuery: r.URL.RawQuery}).RequestURI()
	user, _, basic := r.BasicAuth()
	switch {
	case basic:
		return "unable to authenticate user [" + user + "] for REST request [" + uri + "]"
	case credentials(r) != "":
		return "unable to authenticate with provided credentials and anonymous access is not allowed for this request"
	}
	return "missing authentication credentials for REST request [" + uri + "]"
}

func credentials(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "ApiKey") {
		return strings.TrimSpace(value)
	}
	return ""
}
