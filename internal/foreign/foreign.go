//determinism:realtime the command and its requests are of the machine's time; what they ask for is carried out on the run's clock

// Package foreign lets any program look after the cluster of a scenario: a command that is
// given a URL behind which it finds Elasticsearch's API.
//
// A [Gateway] takes the command's requests on a loopback port and carries them out as the
// run's controller, one after the other, over the controller's links. What changes the
// cluster is kept as a decision, with its effect. Against the simulator virtual time is
// paced by the machine's, or moves a step after each request; which of a program's requests
// come when is up to the machine, so that such a run isn't deterministic.
package foreign

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/shardquake/shardquake/scenarios"
)

// Config says which command, and how time goes while it runs.
type Config struct {
	// Command is a line for the shell; {url} stands for the cluster's address, which is
	// also in the environment variable SHARDQUAKE_ES.
	Command string
	// Speed is how many seconds of the cluster pass in one of the machine's. 0: they are
	// the same, as on real nodes.
	Speed float64
	// Step is how far the cluster's time moves after each request; between requests it
	// stands. 0: it is paced by Speed.
	Step time.Duration
}

const (
	// slice is how often the cluster's clock is looked after while no request comes.
	slice = 10 * time.Millisecond
	// silence is how long a command may send nothing before stepped time moves without it.
	silence = 5 * time.Second
	// starting is how long it may take until its first request.
	starting = time.Minute
	// mostBody bounds a request and what is kept of an answer.
	mostBody = 64 << 20
)

// Note says in a report how time went, and that the run isn't deterministic.
func (c Config) Note() string {
	how := "in the machine's own time"
	switch {
	case c.Step > 0:
		how = fmt.Sprintf("in stepped time, %v after each of its requests", c.Step)
	case c.Speed > 0:
		how = fmt.Sprintf("in paced time, %g times the machine's", c.Speed)
	}
	return fmt.Sprintf("the controller is the command %q, %s: the run is not deterministic", c.Command, how)
}

// Gateway is a command as the controller of a run.
type Gateway struct {
	cfg   Config
	run   scenarios.SupervisorConfig
	audit *Audit
	jobs  chan *job
	ended chan struct{}
}

// job is a request that waits for its answer.
type job struct {
	method, path string
	header       http.Header
	body         []byte
	status       int
	answer       []byte
	answerHeader http.Header
	done         chan struct{}
}

// New makes the controller of a run.
func New(cfg Config, run scenarios.SupervisorConfig) (*Gateway, error) {
	audit, err := NewAudit("command", run)
	if err != nil {
		return nil, err
	}
	return &Gateway{cfg: cfg, run: run, audit: audit, jobs: make(chan *job), ended: make(chan struct{})}, nil
}

// Run runs the command until it ends or ctx does.
func (g *Gateway) Run(ctx context.Context) error {
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: g, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listen) }() // ends with Close
	defer func() {
		close(g.ended)
		_ = server.Close() // requests without an answer end with the run
	}()
	exited, stop, err := g.start("http://" + listen.Addr().String())
	if err != nil {
		return err
	}
	defer stop()
	return g.serve(ctx, exited)
}

// start starts the command. Stop kills it, with all that it started, and waits.
func (g *Gateway) start(address string) (exited chan error, stop func(), err error) {
	life, kill := context.WithCancel(context.Background())
	shell, flag := "sh", "-c"
	if runtime.GOOS == "windows" {
		shell, flag = "cmd", "/C"
	}
	cmd := exec.CommandContext(life, shell, flag, strings.ReplaceAll(g.cfg.Command, "{url}", address))
	cmd.Env = append(os.Environ(), "SHARDQUAKE_ES="+address)
	cmd.WaitDelay = time.Second
	grouped(cmd)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		kill()
		return nil, nil, fmt.Errorf("%s: %w", g.cfg.Command, err)
	}
	g.run.Log("the command was started: " + g.cfg.Command)
	exited, over := make(chan error, 1), make(chan struct{})
	go func() {
		exited <- cmd.Wait()
		close(over)
	}()
	return exited, func() {
		kill()
		<-over
		sweep(cmd)
		for _, line := range strings.Split(strings.TrimSpace(said.String()), "\n") {
			if line != "" {
				g.run.Log(line)
			}
		}
	}, nil
}

// serve carries out requests and lets the cluster's time go on.
func (g *Gateway) serve(ctx context.Context, exited chan error) error {
	began, from, heard := time.Now(), g.run.Clock.Monotonic(), time.Now()
	patience := starting
	for ctx.Err() == nil {
		select {
		case j := <-g.jobs:
			g.perform(ctx, j)
			heard, patience = time.Now(), silence
			if err := g.pass(ctx, g.cfg.Step); err != nil {
				return err
			}
		case err := <-exited:
			if err != nil {
				return fmt.Errorf("the command ended: %w", err)
			}
			g.run.Log("the command ended")
			return nil
		case <-time.After(slice):
			var d time.Duration
			switch {
			case g.cfg.Step > 0 && time.Since(heard) > patience:
				d = g.cfg.Step
			case g.cfg.Step == 0 && g.cfg.Speed > 0:
				d = time.Duration(float64(time.Since(began))*g.cfg.Speed) - (g.run.Clock.Monotonic() - from)
			}
			// Coming back to the clock, if only for a moment, shows that nothing hangs.
			if err := g.pass(ctx, d); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// pass lets time of the cluster pass.
func (g *Gateway) pass(ctx context.Context, d time.Duration) error {
	return g.run.Clock.Sleep(ctx, max(d, 0))
}

// ServeHTTP takes a request of the command and waits for its answer.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, mostBody+1))
	if err != nil || len(body) > mostBody {
		http.Error(w, "the body can't be read or is too long", http.StatusRequestEntityTooLarge)
		return
	}
	j := &job{method: r.Method, path: r.URL.RequestURI(), header: r.Header, body: body, done: make(chan struct{})}
	select {
	case g.jobs <- j:
	case <-g.ended:
		http.Error(w, "the run is over", http.StatusServiceUnavailable)
		return
	}
	select {
	case <-j.done:
	case <-g.ended:
		http.Error(w, "the run is over", http.StatusServiceUnavailable)
		return
	}
	for _, name := range []string{"Content-Type", "X-Elastic-Product", "Retry-After"} {
		if v := j.answerHeader.Get(name); v != "" {
			w.Header().Set(name, v)
		}
	}
	w.WriteHeader(j.status)
	_, _ = w.Write(j.answer) // who has gone needs no answer
}

// perform carries a request out, and keeps it as a decision where it changes the cluster.
func (g *Gateway) perform(ctx context.Context, j *job) {
	defer close(j.done)
	carry := func() (int, []byte, error) {
		err := g.send(ctx, j)
		if err != nil {
			j.status, j.answer = http.StatusBadGateway, []byte(fmt.Sprintf(`{"error":{"type":"no_answer","reason":%q},"status":502}`, err.Error()))
			j.answerHeader = http.Header{"Content-Type": {"application/json"}}
		}
		return j.status, j.answer, err
	}
	if j.changes() {
		g.audit.Change(ctx, j.method+" "+j.path, j.body, carry)
		return
	}
	_, _, _ = carry() // what went wrong is the answer
}

// send sends a request to the first node that answers.
func (g *Gateway) send(ctx context.Context, j *job) error {
	var last error
	for _, e := range g.run.Endpoints {
		u, err := url.Parse(strings.TrimRight(e.URL, "/") + j.path)
		if err != nil {
			return err
		}
		if last = g.attempt(ctx, j, u); last == nil || ctx.Err() != nil || j.changes() {
			return last // whether a change was made is not known: the command has to look
		}
	}
	return last
}

// attempt sends a request to one node.
func (g *Gateway) attempt(ctx context.Context, j *job, u *url.URL) error {
	ctx, cancel := g.run.Clock.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, j.method, u.String(), bytes.NewReader(j.body))
	if err != nil {
		return err
	}
	if len(j.body) == 0 {
		req.Body = nil
	}
	for _, name := range []string{"Content-Type", "Accept", "Authorization"} {
		if v := j.header.Get(name); v != "" {
			req.Header.Set(name, v)
		}
	}
	res, err := g.run.Transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // read to its end, or given up
	body, err := io.ReadAll(io.LimitReader(res.Body, mostBody))
	if err != nil {
		return err
	}
	j.status, j.answer, j.answerHeader = res.StatusCode, body, res.Header
	return nil
}

func (j *job) changes() bool { return Changes(j.method, j.path) }

// Changes reports whether a request, by its method and its path with the parameters, may
// change the cluster.
func Changes(method, uri string) bool {
	if method == http.MethodGet || method == http.MethodHead {
		return false
	}
	path, _, _ := strings.Cut(uri, "?")
	for _, read := range []string{"/_search", "/_count", "/_msearch", "/_mget", "/_pit", "/explain", "/_analyze", "/_validate/query"} {
		if strings.HasSuffix(path, read) {
			return false
		}
	}
	return !strings.Contains(uri, "dry_run=true")
}

// brief is a text on one line, cut.
func brief(text []byte) string {
	const shown = 300
	s := strings.Join(strings.Fields(strings.ToValidUTF8(string(text[:min(len(text), shown)]), "")), " ")
	if len(text) > shown {
		s += "…"
	}
	return s
}
