//determinism:realtime a daemon lives in real time

package daemon

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/consistency"
	"github.com/shardquake/shardquake/controller/httpapi"
	"github.com/shardquake/shardquake/controller/lease"
	"github.com/shardquake/shardquake/controller/recovery"
	"github.com/shardquake/shardquake/controller/tuning"
	"github.com/shardquake/shardquake/internal/clock"
)

// stopLimit is how long a graceful stop may take.
const stopLimit = 20 * time.Second

// Daemon is a controller with its HTTP server.
type Daemon struct {
	options Options
	log     *slog.Logger
	control *controller.Controller
	// recovery looks after faults; nil where nothing is to be done about them.
	recovery *recovery.Manager
	server   *http.Server // nil without HTTP API
	listen   net.Listener
	life     context.Context // of what goes on after a request was answered
	end      context.CancelFunc
}

// New makes a daemon and opens its listening socket. The log goes to out.
func New(o Options, out io.Writer) (*Daemon, error) {
	handler := logHandler(o.LogFormat, out)
	clk := clock.NewReal(uint64(time.Now().UnixNano()))
	base, err := transport(o)
	if err != nil {
		return nil, err
	}
	leadership, transport, err := leadership(o, clk, base)
	if err != nil {
		return nil, err
	}
	client, err := newClient(o, clk, transport, o.CallTimeout.D())
	if err != nil {
		return nil, err
	}
	d := &Daemon{options: o, log: slog.New(handler)}
	api := httpapi.Config{Clock: clk, Token: o.Token}
	parts, err := makeParts(o, clk, client, &api)
	if err != nil {
		return nil, err
	}
	far, err := distance(o.Distance)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	windows, err := tuning.ParseWindows(o.OffPeak.list())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	d.control, err = controller.New(controller.Config{
		OffPeak: tuning.InAny(windows), Distance: far, Clock: clk, Client: client, PolicyName: o.Policy, Shadow: o.Shadow.list(), Interval: o.Interval.D(),
		SettingsScope: controller.SettingsScope(o.SettingsScope), SyncDelayThreshold: o.SyncDelayThreshold,
		// Unassigned copies are the recovery manager's business, which acts by their cause;
		// with --watch-only there is none, and they are nobody's.
		WatchOnly: true, Trigger: controller.Trigger(o.Trigger), Patience: o.Patience.D(),
		RestoreOnStop: o.RestoreOnExit, Log: handler, Parts: parts,
		Leadership: leadership, PaceTuned: o.Tune,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	d.life, d.end = context.WithCancel(context.Background())
	api.Controller, api.Background, d.recovery = d.control, d.life, api.Recovery
	if err := d.open(api); err != nil {
		d.end()
		return nil, err
	}
	return d, nil
}

// newClient makes a client for the cluster.
func newClient(o Options, clk clock.Clock, transport http.RoundTripper, callTimeout time.Duration) (*controller.Client, error) {
	var endpoints []controller.Endpoint
	for _, url := range o.ES.list() {
		endpoints = append(endpoints, controller.Endpoint{URL: url})
	}
	client, err := controller.NewClient(controller.ClientConfig{
		Clock: clk, Endpoints: endpoints, Transport: transport, CallTimeout: callTimeout,
		Credentials: controller.Credentials{APIKey: o.APIKey, Username: o.User, Password: o.Password},
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	return client, nil
}

// leadership makes the lease, where there are other controllers, and the transport
// behind its fence. The lease has a client of its own, before the fence, whose calls
// leave time for another one before the lease runs out.
func leadership(o Options, clk clock.Clock, base http.RoundTripper) (controller.Leadership, http.RoundTripper, error) {
	if o.Lease == 0 {
		return nil, base, nil
	}
	client, err := newClient(o, clk, base, o.Lease.D()/6)
	if err != nil {
		return nil, nil, err
	}
	name := o.Name
	if name == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, nil, fmt.Errorf("%w: no name for the lease: %w", ErrOptions, err)
		}
		name = fmt.Sprintf("%s-%d", host, os.Getpid())
	}
	l, err := lease.New(lease.Config{Clock: clk, Client: client, Name: name, TTL: o.Lease.D()})
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	return l, l.Fence(base), nil
}

// makeTuner makes the part that sets the pace of recoveries.
func makeTuner(o Options) (controller.Part, error) {
	windows, err := tuning.ParseWindows(o.OffPeak.list())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	tuner, err := tuning.New(tuning.Config{OffPeak: windows})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	return tuner, nil
}

// makeParts makes what works beside the controller's loops, and tells the HTTP API.
func makeParts(o Options, clk clock.Clock, client *controller.Client, api *httpapi.Config) ([]controller.Part, error) {
	checker, err := consistency.New(consistency.Config{Clock: clk, Client: client, Every: o.ConsistencyEvery.D()})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	api.Consistency = checker
	var parts []controller.Part
	if o.ConsistencyEvery > 0 {
		parts = append(parts, checker)
	}
	if o.Tune {
		tuner, err := makeTuner(o)
		if err != nil {
			return nil, err
		}
		parts = append(parts, tuner)
	}
	if o.WatchOnly {
		return parts, nil
	}
	cfg := recovery.Config{Interval: o.Interval.D()}
	for _, a := range o.Approve.list() {
		cfg.Approve = append(cfg.Approve, recovery.Approval(a))
	}
	if o.FaultHistory != "" {
		store := recovery.FileStore{Path: o.FaultHistory}
		if err := store.Check(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrOptions, err)
		}
		cfg.Store = store
	}
	manager, err := recovery.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	api.Recovery = manager
	return append(parts, manager), nil
}

// open prepares the HTTP API, if there is to be one.
func (d *Daemon) open(cfg httpapi.Config) error {
	if d.options.Listen == "" {
		return nil
	}
	api, err := httpapi.New(cfg)
	if err != nil {
		return err
	}
	d.listen, err = net.Listen("tcp", d.options.Listen)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	d.server = &http.Server{
		Handler: api, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(d.log.Handler(), slog.LevelWarn),
	}
	return nil
}

// Addr is the address of the HTTP API, "" without one.
func (d *Daemon) Addr() string {
	if d.listen == nil {
		return ""
	}
	return d.listen.Addr().String()
}

// Plan is what the controller would do now; nothing is done.
func (d *Daemon) Plan(ctx context.Context) (controller.Plan, error) { return d.control.Plan(ctx) }

// Run looks after the cluster until ctx ends; then it stops gracefully, within a
// limit. reload is called with nothing to read the options anew; nil: never.
func (d *Daemon) Run(ctx context.Context, reload <-chan os.Signal, load func() (Options, error)) error {
	life, end := d.life, d.end
	var side sync.WaitGroup
	defer side.Wait()
	if d.server != nil {
		side.Go(func() {
			if err := d.server.Serve(d.listen); !errors.Is(err, http.ErrServerClosed) {
				d.log.Error("HTTP API: " + err.Error())
			}
		})
		d.log.Info("HTTP API on http://" + d.Addr() + "/")
		defer d.shutdown()
	}
	side.Go(func() { d.reloadOn(life, reload, load) })
	defer end()
	stopped := context.AfterFunc(ctx, func() {
		d.log.Info("Stopping")
		d.control.Stop()
		time.AfterFunc(stopLimit, end)
	})
	defer stopped()
	err := d.control.Run(life)
	switch {
	case err != nil && life.Err() != nil:
		return fmt.Errorf("the controller did not end within %v: %w", stopLimit, err)
	case err != nil:
		return fmt.Errorf("controller: %w", err)
	}
	return nil
}

// shutdown ends the HTTP server. Streams of events don't end by themselves, so
// connections still open after a moment are closed.
func (d *Daemon) shutdown() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if d.server.Shutdown(ctx) != nil {
		_ = d.server.Close() // nothing is left to do about connections that don't close
	}
}

// reloadOn reads the options anew at every signal.
func (d *Daemon) reloadOn(ctx context.Context, signals <-chan os.Signal, load func() (Options, error)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
			o, err := load()
			if err == nil {
				err = d.Reload(o)
			}
			if err != nil {
				d.log.Error("Configuration not reloaded: " + err.Error())
				continue
			}
			d.log.Info("Configuration reloaded")
		}
	}
}

// Reload applies those options that can change while the daemon runs: policy,
// interval and sync-delay-threshold. Others that differ are an error that names them, and
// nothing is applied then.
func (d *Daemon) Reload(o Options) error {
	fixed := o
	fixed.Policy, fixed.Interval, fixed.SyncDelayThreshold = d.options.Policy, d.options.Interval, d.options.SyncDelayThreshold
	if changed := fixed.differing(d.options); len(changed) > 0 {
		return fmt.Errorf("nothing was applied: %s can't change without a restart; policy, interval and sync-delay-threshold can", strings.Join(changed, ", "))
	}
	var errs []error
	if o.Policy != d.options.Policy {
		errs = append(errs, d.control.SetPolicy(o.Policy))
	}
	errs = append(errs, d.control.SetInterval(o.Interval.D()), d.control.Monitor().SetSyncDelayThreshold(o.SyncDelayThreshold))
	if d.recovery != nil {
		errs = append(errs, d.recovery.SetInterval(o.Interval.D()))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	d.options = o
	return nil
}

// transport makes the connection to Elasticsearch, trusting the authorities given.
func transport(o Options) (*http.Transport, error) {
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 8, IdleConnTimeout: 90 * time.Second,
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if o.CACert == "" {
		return t, nil
	}
	pem, err := os.ReadFile(o.CACert)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	t.TLSClientConfig.RootCAs = x509.NewCertPool()
	if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%w: %s contains no certificate", ErrOptions, o.CACert)
	}
	return t, nil
}

func logHandler(format string, out io.Writer) slog.Handler {
	switch format {
	case "text":
		return slog.NewTextHandler(out, nil)
	case "json":
		return slog.NewJSONHandler(out, nil)
	}
	var mu sync.Mutex
	return controller.NewLineHandler(func(line string) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprintln(out, line) // there is nobody to tell
	})
}
