package controller

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/shardquake/shardquake/internal/clock"
)

// Endpoint is a node that the client may ask.
type Endpoint struct {
	Name string // for messages; default the URL, without a password
	URL  string // "http://host:9200"
}

// Credentials for Elasticsearch. At most one kind may be set.
type Credentials struct {
	APIKey             string // base64 of id:key
	Username, Password string
}

// ClientConfig configures a client. Zero values mean the defaults.
type ClientConfig struct {
	Clock clock.Clock
	// Endpoints in the order of preference; at least one.
	Endpoints []Endpoint
	// Transport carries the requests. It must honour the requests' contexts.
	Transport http.RoundTripper
	Credentials
	// CallTimeout limits one attempt, the reading of the answer included. Default 10 s.
	CallTimeout time.Duration
	// Retries is how often a failed call is tried again. Default 3; negative: never.
	Retries int
	// BackoffBase and BackoffMax bound the wait before a retry: base × 2ⁿ⁻¹ before the
	// n-th, at most max, of which a random part between a half and all is waited.
	// Default 200 ms and 5 s.
	BackoffBase, BackoffMax time.Duration
	// MaxAnswer limits the size of an answer in bytes. Default 256 MiB.
	MaxAnswer int64
}

func (c ClientConfig) withDefaults() ClientConfig {
	if c.CallTimeout == 0 {
		c.CallTimeout = 10 * time.Second
	}
	switch {
	case c.Retries == 0:
		c.Retries = 3
	case c.Retries < 0:
		c.Retries = 0
	}
	if c.BackoffBase == 0 {
		c.BackoffBase = 200 * time.Millisecond
	}
	if c.BackoffMax == 0 {
		c.BackoffMax = 5 * time.Second
	}
	if c.MaxAnswer == 0 {
		c.MaxAnswer = 256 << 20
	}
	return c
}

func (c ClientConfig) validate() error {
	switch {
	case c.Clock == nil:
		return errors.New("client: no clock")
	case c.Transport == nil:
		return errors.New("client: no transport")
	case len(c.Endpoints) == 0:
		return errors.New("client: no endpoint")
	case c.APIKey != "" && c.Username != "":
		return errors.New("client: both an API key and a user name")
	case c.Password != "" && c.Username == "":
		return errors.New("client: a password without a user name")
	case c.CallTimeout < 0 || c.BackoffBase < 0 || c.BackoffMax < 0 || c.MaxAnswer < 0:
		return errors.New("client: negative limit")
	}
	for _, e := range c.Endpoints {
		if err := e.validate(); err != nil {
			return err
		}
	}
	return nil
}

// validate finds addresses at which nothing can be asked.
func (e Endpoint) validate() error {
	u, err := url.Parse(e.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return fmt.Errorf("client: endpoint %q: want http://host:port or https://host:port", e.redacted())
	}
	if u.Port() == "" {
		return nil
	}
	if n, err := strconv.ParseUint(u.Port(), 10, 16); err != nil || n == 0 {
		return fmt.Errorf("client: endpoint %q: the port is no number from 1 to 65535", e.redacted())
	}
	return nil
}

// redacted is the URL without the password that may stand in it: it goes into messages.
func (e Endpoint) redacted() string {
	if u, err := url.Parse(e.URL); err == nil {
		return u.Redacted()
	}
	scheme, rest, found := strings.Cut(e.URL, "://")
	if at := strings.LastIndexByte(rest, '@'); found && at >= 0 {
		return scheme + "://xxxxx" + rest[at:]
	}
	return e.URL
}

// Client calls Elasticsearch. It asks one endpoint until that fails, then the next:
// a call that met a dead, silent or masterless node goes on elsewhere, and later calls
// begin where the last one succeeded. It may be used by several processes at once.
//
// Results of repeated reads are shared between callers when the cluster's answer
// has not changed: don't modify them.
type Client struct {
	cfg   ClientConfig
	nodes []endpoint

	mu      sync.Mutex
	current int // index of the endpoint that answered last
	stats   ClientStats

	shards   memo[[]ShardInfo]
	details  memo[[]ShardInfo]
	recovery memo[[]ShardRecovery]
	settings memo[SettingsInForce]
}

// ClientStats counts what a client has done.
type ClientStats struct {
	Calls    int64 `json:"calls"`    // attempts
	Failures int64 `json:"failures"` // attempts that failed
	Retries  int64 `json:"retries"`
	// Unchanged counts answers that were equal to the last one and not parsed again.
	Unchanged int64  `json:"unchanged"`
	Endpoint  string `json:"endpoint"` // that answered last
}

// NewClient makes a client. It doesn't call the cluster.
func NewClient(cfg ClientConfig) (*Client, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	c := &Client{cfg: cfg}
	for _, e := range cfg.Endpoints {
		node, err := newEndpoint(e, cfg)
		if err != nil {
			return nil, fmt.Errorf("client: endpoint %q: %w", e.redacted(), err)
		}
		c.nodes = append(c.nodes, node)
	}
	return c, nil
}

// Stats returns the counters so far.
func (c *Client) Stats() ClientStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Endpoint = c.nodes[c.current].name
	return s
}

// repeat says whether an attempt may be repeated when nobody knows what came of it.
type repeat bool

const (
	// idempotent calls have the same effect once or twice.
	idempotent repeat = true
	// once is for calls that must not be sent again unless they were refused: where the
	// outcome is not known, the caller looks before it repeats.
	once repeat = false
)

// call makes a call, with fail-over and retries, and returns the body of the answer.
// The error is an *APIError when Elasticsearch answered.
func (c *Client) call(ctx context.Context, name string, again repeat, r request) ([]byte, error) {
	at := c.start()
	for attempt := 0; ; attempt++ {
		body, err := c.attempt(ctx, name, c.nodes[at], r)
		c.count(err)
		if err == nil {
			c.prefer(at)
			return body, nil
		}
		var api *APIError
		refused := errors.As(err, &api)
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%s: %w", name, ctx.Err())
		case refused && !api.transient(), errors.Is(err, ErrTooLarge), errors.Is(err, ErrNotInCharge), again == once && outcomeUnknown(err):
			return nil, err
		case attempt >= c.cfg.Retries:
			return nil, fmt.Errorf("%s: gave up after %d attempts: %w", name, attempt+1, err)
		}
		at = (at + 1) % len(c.nodes)
		if err := c.backOff(ctx, attempt, api); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
}

// announcedLimit bounds the room that is made for an answer because its header announces
// as much.
const announcedLimit = 64 << 20

// readAnswer reads a body up to a limit. The length that its header announces, if any,
// saves copying megabytes while the buffer grows.
func readAnswer(body io.Reader, announced string, limit int64) ([]byte, error) {
	var buf bytes.Buffer
	if n, err := strconv.ParseInt(announced, 10, 64); err == nil && n > 0 {
		buf.Grow(int(min(n, limit, announcedLimit)) + bytes.MinRead)
	}
	if _, err := buf.ReadFrom(io.LimitReader(body, limit)); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// attempt sends one request to one endpoint and reads the answer, within CallTimeout.
func (c *Client) attempt(ctx context.Context, name string, e endpoint, r request) ([]byte, error) {
	ctx, cancel := c.cfg.Clock.WithTimeout(ctx, c.cfg.CallTimeout)
	defer cancel()
	res, err := e.send(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("%s on %s: %w", name, e.name, err)
	}
	defer func() { _ = res.Body.Close() }() // read to its end, or given up
	body, err := readAnswer(res.Body, res.Header.Get("Content-Length"), c.cfg.MaxAnswer+1)
	if err != nil {
		return nil, fmt.Errorf("%s on %s: read answer: %w", name, e.name, err)
	}
	if int64(len(body)) > c.cfg.MaxAnswer {
		return nil, fmt.Errorf("%s on %s: %w (over %d bytes)", name, e.name, ErrTooLarge, c.cfg.MaxAnswer)
	}
	if res.StatusCode > 299 {
		api := parseAPIError(name, res.StatusCode, body)
		if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s > 0 {
			api.retryAfter = time.Duration(s) * time.Second
		}
		return nil, api
	}
	return body, nil
}

// backOff waits before the attempt that follows. What the server asked for counts,
// up to the maximum.
func (c *Client) backOff(ctx context.Context, attempt int, api *APIError) error {
	c.mu.Lock()
	c.stats.Retries++
	c.mu.Unlock()
	d := c.cfg.BackoffMax
	if attempt < 30 {
		d = min(d, c.cfg.BackoffBase<<attempt)
	}
	half := d / 2
	d = half + time.Duration(c.cfg.Clock.Rand("controller/client/backoff").Int64N(int64(d-half)+1))
	if api != nil && api.retryAfter > d {
		d = min(api.retryAfter, c.cfg.BackoffMax)
	}
	return c.cfg.Clock.Sleep(ctx, d)
}

func (c *Client) start() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

func (c *Client) prefer(at int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current = at
}

func (c *Client) count(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Calls++
	if err != nil {
		c.stats.Failures++
	}
}
