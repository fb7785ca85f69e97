package consistency

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/internal/clock"
)

// ErrBusy says that a check is under way already.
var ErrBusy = errors.New("a consistency check is under way already")

// Config configures a checker. Zero values mean the defaults.
type Config struct {
	Clock  clock.Clock
	Client *controller.Client
	// Every is the time between two checks of all indices, for [Checker.Run]. Default 6 h.
	Every time.Duration
	// PageSize is how many documents are read at once. Default 500.
	PageSize int
	// Rate limits the documents read per second, over all copies. Default 5,000.
	Rate int
	// MaxDocs is how many documents a copy may have for its content to be read. Default
	// 5 million; negative: content is never read.
	MaxDocs int64
	// Attempts is how often differences are looked at again, and Settle the time between
	// looks. Default 5 and 2 s.
	Attempts int
	Settle   time.Duration
	// SizeTolerance is the share by which store sizes may differ without a notice: copies
	// merge their segments independently. Default 0.5.
	SizeTolerance float64
}

func (c Config) withDefaults() (Config, error) {
	if c.Clock == nil || c.Client == nil {
		return c, errors.New("consistency checker: needs a clock and a client")
	}
	if c.Every == 0 {
		c.Every = 6 * time.Hour
	}
	if c.PageSize == 0 {
		c.PageSize = 500
	}
	if c.Rate == 0 {
		c.Rate = 5000
	}
	if c.MaxDocs == 0 {
		c.MaxDocs = 5_000_000
	}
	if c.Attempts == 0 {
		c.Attempts = 5
	}
	if c.Settle == 0 {
		c.Settle = 2 * time.Second
	}
	if c.SizeTolerance == 0 {
		c.SizeTolerance = 0.5
	}
	if c.PageSize < 1 || c.PageSize > 10_000 || c.Rate < 1 || c.Attempts < 2 || c.Settle < 0 || c.Every < 0 || c.SizeTolerance < 0 {
		return c, errors.New("consistency checker: page size 1 to 10,000, rate from 1, attempts from 2, times and tolerance not negative")
	}
	return c, nil
}

// Checker checks indices, one at a time, and keeps the last report of each.
type Checker struct {
	cfg Config

	mu      sync.Mutex
	busy    string // index being checked
	reports map[string]Report
}

// New makes a checker.
func New(cfg Config) (*Checker, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Checker{cfg: cfg, reports: make(map[string]Report)}, nil
}

var _ controller.Part = (*Checker)(nil)

// Run implements [controller.Part]: it checks every index, again and again.
func (c *Checker) Run(ctx context.Context, desk *controller.Desk) {
	for c.cfg.Clock.Sleep(ctx, c.cfg.Every) == nil {
		reports, err := c.CheckAll(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			desk.Errorf(ctx, "[CONSISTENCY] Error checking indices: %v", err)
		}
		record(desk, reports, err)
		for _, r := range reports {
			log := desk.Infof
			if r.Verdict == Inconsistent {
				log = desk.Errorf
			}
			for line := range strings.Lines(r.Text()) {
				log(ctx, "%s", strings.TrimSuffix(line, "\n"))
			}
		}
	}
}

// Reports returns the last report of every index, by name.
func (c *Checker) Reports() map[string]Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.reports)
}

// Busy is the index that is being checked, "" when none is.
func (c *Checker) Busy() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.busy
}

// CheckAll checks every index, in the order of their names. One that can't be looked at
// keeps none of the others back: its report says why. One that was deleted meanwhile has
// none.
func (c *Checker) CheckAll(ctx context.Context) ([]Report, error) {
	shards, err := c.cfg.Client.GetShardAllocation(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range shards {
		names = append(names, s.Index)
	}
	slices.Sort(names)
	var out []Report
	for _, name := range slices.Compact(names) {
		r, err := c.checkInTurn(ctx, name)
		switch {
		case ctx.Err() != nil:
			return out, ctx.Err()
		case gone(err):
			continue
		case err != nil && !answered(err):
			return out, err
		}
		out = append(out, r)
	}
	return out, nil
}

// checkInTurn checks an index when no other check is under way, such as one that a person
// asked for.
func (c *Checker) checkInTurn(ctx context.Context, index string) (Report, error) {
	for {
		r, err := c.Check(ctx, index)
		if !errors.Is(err, ErrBusy) {
			return r, err
		}
		if err := c.cfg.Clock.Sleep(ctx, c.cfg.Settle); err != nil {
			return r, err
		}
	}
}

// answered reports whether an error is Elasticsearch's word about an index, such as that
// it is closed, and not that nobody could be asked.
func answered(err error) bool {
	var api *controller.APIError
	return errors.As(err, &api)
}

// gone reports whether an index could not be looked at because it is no more.
func gone(err error) bool {
	return errors.Is(err, controller.ErrNoSuchIndex) || controller.HasStatus(err, http.StatusNotFound)
}

// Check checks one index. A cluster that fails in the middle is in the report; the error
// is that of the start: [ErrBusy], or an index that can't be looked at, which leaves a
// report that says so unless the index does not exist.
func (c *Checker) Check(ctx context.Context, index string) (Report, error) {
	if err := c.begin(index); err != nil {
		return Report{}, err
	}
	defer c.end()
	start := c.cfg.Clock.Monotonic()
	r := Report{Index: index, At: c.cfg.Clock.Now().UTC(), Verdict: Consistent, Shards: []ShardReport{}}
	copies, err := c.look(ctx, index)
	if err != nil {
		if ctx.Err() == nil && !gone(err) {
			r.Error, r.Verdict, r.Took = err.Error(), Unknown, c.cfg.Clock.Monotonic()-start
			c.store(r)
		}
		return r, err
	}
	if len(copies) == 0 {
		return r, fmt.Errorf("%w: %q", controller.ErrNoSuchIndex, index)
	}
	for _, shard := range slices.Sorted(maps.Keys(copies)) {
		s, err := c.checkShard(ctx, index, shard, copies[shard])
		r.Verdict = r.Verdict.worse(s.Verdict)
		r.Shards = append(r.Shards, s)
		if err != nil {
			r.Error, r.Verdict = err.Error(), r.Verdict.worse(Unknown)
			break
		}
	}
	r.Took = c.cfg.Clock.Monotonic() - start
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	c.store(r)
	return r, nil
}

// store adds a report to those that are kept.
func (c *Checker) store(r Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reports[r.Index] = r
}

func (c *Checker) begin(index string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy != "" {
		return fmt.Errorf("%w: of %s", ErrBusy, c.busy)
	}
	c.busy = index
	return nil
}

func (c *Checker) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = ""
}

// look reads what the copies of an index say about themselves, by shard, after a
// refresh, without which their counts are of different moments.
func (c *Checker) look(ctx context.Context, index string) (map[int][]controller.ShardInfo, error) {
	if err := c.cfg.Client.Refresh(ctx, index); err != nil {
		return nil, err
	}
	all, err := c.cfg.Client.GetShardDetails(ctx, index)
	if err != nil {
		return nil, err
	}
	out := make(map[int][]controller.ShardInfo)
	for _, s := range all {
		out[s.Shard] = append(out[s.Shard], s)
	}
	return out, nil
}

// lookAgain reads one shard's copies after the time to settle.
func (c *Checker) lookAgain(ctx context.Context, index string, shard int) ([]controller.ShardInfo, error) {
	if err := c.cfg.Clock.Sleep(ctx, c.cfg.Settle); err != nil {
		return nil, err
	}
	all, err := c.look(ctx, index)
	return all[shard], err
}
