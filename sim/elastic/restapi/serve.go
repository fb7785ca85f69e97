//determinism:realtime serves real clients on real ports while virtual time follows the wall clock

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
	"sync"
	"time"

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
	stopTimeout = 2 * time.Second
	// longestNap is how long the model's clock may stand behind the wall's.
	longestNap = 20 * time.Millisecond
)

// Serve answers clients until ctx ends or the model fails. One goroutine, the
// caller's, owns the engine: requests are handed to it, and every one runs as a
// process of the simulation. It closes the listeners.
func (a *API) Serve(ctx context.Context, cfg ServeConfig) error {
	if cfg.Speed == 0 {
		cfg.Speed = 1
	}
	nodes := a.cluster.Nodes()
	if len(cfg.Listeners) != len(nodes) {
		return fmt.Errorf("%d listeners for %d nodes", len(cfg.Listeners), len(nodes))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &server{api: a, cfg: cfg, jobs: make(chan *job), given: make(chan *job), stopped: ctx.Done()}
	var group sync.WaitGroup
	servers := make([]*http.Server, len(nodes))
	failures := make(chan error, len(nodes))
	for i, l := range cfg.Listeners {
		servers[i] = &http.Server{Handler: s.node(nodes[i].Name()), ReadHeaderTimeout: headTimeout}
		group.Go(func() {
			if err := servers[i].Serve(l); !errors.Is(err, http.ErrServerClosed) {
				failures <- err
				cancel()
			}
		})
	}
	err := s.drive(ctx)
	cancel()
	closing, done := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer done()
	for _, server := range servers {
		if server.Shutdown(closing) != nil {
			_ = server.Close()
		}
	}
	group.Wait()
	select {
	case failed := <-failures:
		return errors.Join(err, failed)
	default:
		return err
	}
}

type server struct {
	api     *API
	cfg     ServeConfig
	jobs    chan *job // requests to begin
	given   chan *job // requests whose client has gone away
	stopped <-chan struct{}
}

// job is a client's request in the simulation.
type job struct {
	req    *http.Request
	done   chan outcome // takes one without waiting
	cancel context.CancelFunc
	gone   bool
}

type outcome struct {
	resp *http.Response
	body []byte
	err  error
}

// drive lets virtual time follow the wall clock and begins what clients ask for.
func (s *server) drive(ctx context.Context) error {
	engine := s.api.cluster.Engine()
	origin, began := engine.Now(), time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := origin + sim.Time(float64(time.Since(began))*s.cfg.Speed)
		if now > engine.Now() {
			if err := engine.Run(now); err != nil {
				return fmt.Errorf("simulation: %w", err)
			}
		}
		if err := s.api.cluster.Err(); err != nil {
			return fmt.Errorf("defect of the model: %w", err)
		}
		timer.Reset(s.nap(now))
		select {
		case <-ctx.Done():
			return nil
		case j := <-s.jobs:
			s.begin(j)
		case j := <-s.given:
			j.gone = true
			if j.cancel != nil {
				j.cancel()
			}
		case <-timer.C:
		}
	}
}

// nap is how long nothing is to be done.
func (s *server) nap(now sim.Time) time.Duration {
	next := s.api.cluster.Engine().NextAt()
	if next == sim.Never {
		return longestNap
	}
	return min(max(0, time.Duration(float64(next-now)/s.cfg.Speed)), longestNap)
}

// begin runs the request as a process.
func (s *server) begin(j *job) {
	engine := s.api.cluster.Engine()
	transport := s.api.RoundTripper(s.cfg.Viewer)
	engine.Go("http", func(ctx context.Context) {
		if j.gone {
			return
		}
		ctx, j.cancel = engine.WithCancel(ctx)
		defer j.cancel()
		var o outcome
		if o.resp, o.err = transport.RoundTrip(j.req.WithContext(ctx)); o.err == nil {
			o.body, o.err = io.ReadAll(o.resp.Body)
			_ = o.resp.Body.Close()
		}
		j.done <- o
	})
}

// node is the handler of one node's port.
func (s *server) node(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if problem := s.admit(r); problem != nil {
			write(w, problem)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			write(w, s.api.failure(&rest.Request{Params: map[string]string{}, Consumed: map[string]bool{}}, tooLarge()))
			return
		}
		j := &job{req: forNode(r, name, body), done: make(chan outcome, 1)}
		select {
		case s.jobs <- j:
		case <-s.stopped:
			return
		case <-r.Context().Done():
			return
		}
		select {
		case o := <-j.done:
			s.reply(w, o)
		case <-s.stopped:
		case <-r.Context().Done():
			select {
			case s.given <- j:
			case <-s.stopped:
			}
		}
	})
}

// forNode is the request as the node of that name is to see it.
func forNode(r *http.Request, name string, body []byte) *http.Request {
	u := *r.URL
	u.Scheme, u.Host = "http", name+":9200"
	req := (&http.Request{Method: r.Method, URL: &u, Header: r.Header, Host: u.Host}).WithContext(r.Context())
	req.Body = io.NopCloser(bytes.NewReader(body))
	return req
}

func tooLarge() *elastic.Error {
	return &elastic.Error{Status: http.StatusRequestEntityTooLarge, Reason: "the request is larger than http.max_content_length"}
}

// reply hands the node's answer on. Where the node refused or reset the connection,
// the client's is closed without an answer.
func (s *server) reply(w http.ResponseWriter, o outcome) {
	if o.err != nil {
		panic(http.ErrAbortHandler)
	}
	for _, name := range []string{"Allow", "Content-Type", "Location", "Warning"} {
		if v := o.resp.Header.Get(name); v != "" {
			w.Header().Set(name, v)
		}
	}
	w.Header()["X-elastic-product"] = []string{"Elasticsearch"}
	w.WriteHeader(o.resp.StatusCode)
	_, _ = w.Write(o.body)
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
	plain := &rest.Request{Params: map[string]string{}, Consumed: map[string]bool{}}
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
		Status: http.StatusUnauthorized, Type: "security_exception",
		Reason:  "missing authentication credentials for REST request [" + (&url.URL{Path: r.URL.Path, RawQuery: r.URL.RawQuery}).RequestURI() + "]",
		Headers: []elastic.Field{{Name: "WWW-Authenticate", Value: "Bearer"}},
	}
	return s.api.failure(plain, e)
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
