package restapi

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/shardquake/shardquake/internal/paced"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/restapi/wire"
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
		s.ports = append(s.ports, &port{node: nodes[i], handle: s.node(nodes[i].Name()), refuse: s.refuse, address: l.Addr().String(), listener: l})
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

// node is what answers at one node's port. Where the node refused or reset the connection, the
// client's is closed without an answer.
func (s *server) node(name string) func(context.Context, *wire.Request) *wire.Answer {
	way := &roundTripper{api: s.api, viewer: s.cfg.Viewer}
	return func(ctx context.Context, q *wire.Request) *wire.Answer {
		if problem := s.admit(q); problem != nil {
			return problem
		}
		var a *Answer
		var failed error
		err := s.pacer.Do(ctx, "http", func(ctx context.Context) {
			a, failed = way.whole(ctx, name, asked{method: q.Method, uri: q.URI, header: q.Header, body: q.Body})
		})
		if err != nil || failed != nil {
			return nil
		}
		return &wire.Answer{Status: a.Status, Headers: a.Headers, Body: a.Body}
	}
}

// refuse words what is refused before a node sees it.
func (s *server) refuse(e *elastic.Error) *wire.Answer {
	a := s.api.failure(&rest.Request{Params: map[string]string{}}, e)
	return &wire.Answer{Status: a.Status, Headers: a.Headers, Body: a.Body}
}

// admit refuses clients without the token and, without one, requests that a page in a
// browser could have been made to send under another name for this machine: browsers name a host.
func (s *server) admit(q *wire.Request) *wire.Answer {
	if s.cfg.Token == "" {
		for _, given := range q.Header.Values("Host") {
			if !isLoopback(given) {
				return s.refuse(&elastic.Error{Status: http.StatusForbidden, Reason: "Host [" + given + "] is not this machine's loopback address"})
			}
		}
		return nil
	}
	if subtle.ConstantTimeCompare([]byte(credentials(q.Header)), []byte(s.cfg.Token)) == 1 {
		return nil
	}
	return s.refuse(&elastic.Error{
		Status: http.StatusUnauthorized, Type: "security_exception", Reason: unauthenticated(q),
		Headers: []elastic.Field{{Name: "WWW-Authenticate", Value: "Bearer"}},
	})
}

func isLoopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// unauthenticated says why a request is not let in: it bears nothing, or what it bears is wrong.
func unauthenticated(q *wire.Request) string {
	user, _, basic := (&http.Request{Header: q.Header}).BasicAuth()
	switch {
	case basic:
		return "unable to authenticate user [" + user + "] for REST request [" + q.URI + "]"
	case credentials(q.Header) != "":
		return "unable to authenticate with provided credentials and anonymous access is not allowed for this request"
	}
	return "missing authentication credentials for REST request [" + q.URI + "]"
}

func credentials(header http.Header) string {
	if _, password, ok := (&http.Request{Header: header}).BasicAuth(); ok {
		return password
	}
	scheme, value, _ := strings.Cut(header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "ApiKey") {
		return strings.TrimSpace(value)
	}
	return ""
}
