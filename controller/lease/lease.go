package lease

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/policy"
	"github.com/shardquake/shardquake/internal/planted"
)

// Actor is the lease's name in audit records.
const Actor = "lease"

// The decisions about a lease.
const (
	// TakeLead: nobody held the lease, or its holder gave it up.
	TakeLead policy.Action = "take-lead"
	// TakeOver: the holder fell silent.
	TakeOver policy.Action = "take-over"
	// StandDown: the lease could not be renewed in time, or somebody else has it.
	StandDown policy.Action = "stand-down"
)

// ErrFenced says that a request was not sent because this controller isn't in charge.
var ErrFenced = fmt.Errorf("not sent: %w", controller.ErrNotInCharge)

// record is the document.
type record struct {
	// Holder is one run of one controller; "" when the last one gave the lease up.
	Holder string `json:"holder"`
	Name   string `json:"name"`
	// Token counts the terms.
	Token int64 `json:"token"`
	TTL   int64 `json:"ttl_ms"`
	// Renewed is for people; nothing is decided by it.
	Renewed time.Time       `json:"renewed"`
	Memory  json.RawMessage `json:"memory,omitempty"`
}

// Lease is one controller's share in the leadership. It serves one [controller.Config].
type Lease struct {
	cfg    Config
	holder string // this run of this controller

	mu      sync.Mutex
	until   time.Duration // monotonic; the controller may act before it
	created bool
}

var _ controller.Leadership = (*Lease)(nil)

// New makes a lease. It calls nothing before Run.
func New(cfg Config) (*Lease, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	nonce := cfg.Clock.Rand("controller/lease/" + cfg.Name).Uint64()
	return &Lease{cfg: cfg, holder: fmt.Sprintf("%s-%016x", cfg.Name, nonce)}, nil
}

// Holds reports whether this controller may act at this moment.
func (l *Lease) Holds() bool {
	if planted.Is(planted.ActsWithoutLease) {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cfg.Clock.Monotonic() < l.until
}

func (l *Lease) extend(until time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = until
}

// Fence lets requests that could change the cluster through only while this controller
// holds the lease.
func (l *Lease) Fence(base http.RoundTripper) http.RoundTripper { return fence{l, base} }

type fence struct {
	lease *Lease
	base  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (f fence) RoundTrip(r *http.Request) (*http.Response, error) {
	if changes(r) && !f.lease.Holds() {
		return nil, ErrFenced
	}
	return f.base.RoundTrip(r)
}

// changes reports whether a request could change the cluster. Besides GET and HEAD
// those searches and explanations can't that have a body, nor can a reroute that is only
// tried, or a refresh, which shows searches what is written already.
func changes(r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return false
	}
	last := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	switch {
	case slices.Contains([]string{"_search", "_count", "_pit", "_refresh"}, last), r.URL.Path == "/_cluster/allocation/explain":
		return false
	case r.URL.Path == "/_cluster/reroute":
		return r.URL.Query().Get("dry_run") != "true"
	}
	return true
}

// watched is a version of the lease and since when it stands.
type watched struct {
	known       bool
	seqNo, term int64
	since       time.Duration
}

// held is a lease that this controller has.
type held struct {
	doc controller.Document // last written
	rec record
	// sent is when the write was begun.
	sent time.Duration
}

// Run implements [controller.Leadership].
func (l *Lease) Run(ctx context.Context, tenant controller.Tenant) error {
	for {
		h, err := l.acquire(ctx, tenant)
		if err != nil {
			return err
		}
		if h == nil {
			return nil // asked to stop while standing by
		}
		err = l.lead(ctx, tenant, h)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case tenant.Stopping().IsSet():
			return err
		}
	}
}

// acquire stands by until the lease is this controller's. It returns nil when the
// controller is to stop.
func (l *Lease) acquire(ctx context.Context, tenant controller.Tenant) (*held, error) {
	desk := tenant.Desk()
	var seen watched
	said := ""
	for {
		h, wait, note := l.try(ctx, tenant, &seen)
		if h != nil {
			return h, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if note != said && note != "" {
			desk.Infof(ctx, "[LEASE] %s", note)
		}
		said = note
		timed, cancel := l.cfg.Clock.WithTimeout(ctx, wait)
		stop := tenant.Stopping().Wait(timed) == nil
		cancel()
		if stop {
			return nil, nil
		}
	}
}

// try looks at the lease once and takes it when it is free. Otherwise it says when to
// look again, and why.
func (l *Lease) try(ctx context.Context, tenant controller.Tenant, seen *watched) (*held, time.Duration, string) {
	doc, rec, err := l.read(ctx)
	if err != nil {
		return nil, l.cfg.poll(), fmt.Sprintf("Standing by: the lease can't be read: %v", err)
	}
	now := l.cfg.Clock.Monotonic()
	action := TakeLead
	if doc.Found && rec.Holder != "" && rec.Holder != l.holder {
		if !seen.known || seen.seqNo != doc.SeqNo || seen.term != doc.PrimaryTerm {
			*seen = watched{true, doc.SeqNo, doc.PrimaryTerm, now}
		}
		// The holder's own word on how long counts; one that makes no sense is as ours.
		ttl := time.Duration(rec.TTL) * time.Millisecond
		if ttl <= 0 {
			ttl = l.cfg.TTL
		}
		if left := seen.since + ttl - now; left > 0 {
			return nil, min(left, l.cfg.poll()), fmt.Sprintf("Standing by: %s holds the lease (term %d)", rec.Name, rec.Token)
		}
		action = TakeOver
	}
	h, err := l.take(ctx, doc, rec)
	if err != nil {
		return nil, l.cfg.retry(), fmt.Sprintf("Standing by: the lease could not be taken: %v", err)
	}
	l.remember(ctx, tenant, rec)
	l.record(ctx, tenant, action, fmt.Sprintf("term %d; before: %s", h.rec.Token, before(doc, rec)), 1)
	return h, 0, ""
}

// before says whose the lease was.
func before(doc controller.Document, rec record) string {
	switch {
	case !doc.Found:
		return "nobody's"
	case rec.Holder == "":
		return rec.Name + " gave it up"
	}
	return rec.Name + " fell silent"
}

func (l *Lease) remember(ctx context.Context, tenant controller.Tenant, rec record) {
	if err := tenant.Remember(rec.Memory); err != nil {
		tenant.Desk().Errorf(ctx, "[LEASE] %v", err)
	}
}

// read reads the lease. What can't be understood counts as held by somebody unknown:
// it is taken over when it stands still.
func (l *Lease) read(ctx context.Context) (controller.Document, record, error) {
	doc, err := l.cfg.Client.GetDocument(ctx, l.cfg.Index, l.cfg.ID)
	if err != nil || !doc.Found {
		return doc, record{}, err
	}
	return doc, parseRecord(doc.Source), nil
}

func parseRecord(source []byte) record {
	var rec record
	if json.Unmarshal(source, &rec) != nil {
		return record{Holder: "unknown", Name: "unknown"}
	}
	return rec
}

// take writes the lease as this controller's.
func (l *Lease) take(ctx context.Context, was controller.Document, rec record) (*held, error) {
	if !l.created && !was.Found {
		err := l.cfg.Client.CreateIndex(ctx, l.cfg.Index, map[string]string{
			"index.number_of_shards": "1", "index.auto_expand_replicas": "0-1", "index.hidden": "true",
		})
		if err != nil {
			return nil, err
		}
		l.created = true
	}
	h := &held{doc: was, rec: record{Holder: l.holder, Name: l.cfg.Name, Token: rec.Token + 1, TTL: l.cfg.TTL.Milliseconds(), Memory: rec.Memory}}
	if err := l.write(ctx, h); err != nil {
		return nil, err
	}
	return h, nil
}

// write writes the lease, if it is still as it was, and may act for longer then.
func (l *Lease) write(ctx context.Context, h *held) error {
	h.rec.Renewed = l.cfg.Clock.Now().UTC()
	source, err := json.Marshal(h.rec)
	if err != nil {
		return fmt.Errorf("lease: %w", err)
	}
	sent := l.cfg.Clock.Monotonic()
	limited, cancel := l.cfg.Clock.WithTimeout(ctx, l.cfg.TTL/3)
	defer cancel()
	doc, err := l.cfg.Client.PutDocument(limited, l.cfg.Index, l.cfg.ID, h.doc, source)
	if err != nil {
		return err
	}
	h.doc, h.sent = doc, sent
	if h.rec.Holder == "" {
		l.extend(0)
	} else {
		l.extend(sent + l.cfg.TTL - l.cfg.guard())
	}
	return nil
}

// lead lets the controller act while the lease is renewed, and gives the lease up when
// the controller was asked to stop.
func (l *Lease) lead(ctx context.Context, tenant controller.Tenant, h *held) error {
	term, end := l.cfg.Clock.WithCancel(ctx)
	keeping, quit := l.cfg.Clock.WithCancel(ctx)
	defer quit()
	kept := l.cfg.Clock.NewEvent()
	l.cfg.Clock.Go(keeping, "lease-keeper", func(ctx context.Context) {
		defer kept.Set()
		if why := l.renewWhilePossible(ctx, tenant, h); ctx.Err() == nil {
			l.extend(0)
			end()
			l.record(ctx, tenant, StandDown, why, 0)
		}
	})
	err := tenant.Lead(term)
	lost := term.Err() != nil
	end()
	quit()
	if werr := kept.Wait(l.cfg.Clock.WithoutCancel(ctx)); werr != nil {
		return werr
	}
	if lost || ctx.Err() != nil {
		l.extend(0)
		return err
	}
	h.rec.Holder, h.rec.Memory = "", tenant.Memory()
	switch werr := l.renew(ctx, h); {
	case errors.Is(werr, controller.ErrConflict):
		tenant.Desk().Infof(ctx, "[LEASE] There is nothing to give up: another controller has taken the lease over")
	case werr != nil:
		tenant.Desk().Warnf(ctx, "[LEASE] The lease was not given up, and runs out by itself: %v", werr)
	}
	l.extend(0)
	return err
}

// renewWhilePossible renews the lease until that can't be done in time, and says why.
func (l *Lease) renewWhilePossible(ctx context.Context, tenant controller.Tenant, h *held) string {
	for planted.Is(planted.ActsWithoutLease) {
		if l.cfg.Clock.Sleep(ctx, l.cfg.renewal()) != nil {
			return ""
		}
	}
	wait := l.cfg.renewal()
	trouble := ""
	for {
		left := h.sent + l.cfg.TTL - l.cfg.guard() - l.cfg.Clock.Monotonic()
		if left <= 0 {
			return "the lease could not be renewed in time: " + trouble
		}
		if planted.Is(planted.LeaseNotRenewed) {
			wait = left
		}
		if l.cfg.Clock.Sleep(ctx, min(wait, left)) != nil {
			return ""
		}
		left = h.sent + l.cfg.TTL - l.cfg.guard() - l.cfg.Clock.Monotonic()
		if left <= 0 {
			continue
		}
		h.rec.Memory = tenant.Memory()
		timed, cancel := l.cfg.Clock.WithTimeout(ctx, left)
		err := l.renew(timed, h)
		cancel()
		switch {
		case ctx.Err() != nil:
			return ""
		case errors.Is(err, controller.ErrConflict):
			return "somebody else has the lease"
		case err != nil:
			wait, trouble = l.cfg.retry(), err.Error()
		default:
			wait = l.cfg.renewal()
		}
	}
}

// renew writes the lease again. After a conflict it looks: an earlier write of its own
// may have arrived without an answer.
func (l *Lease) renew(ctx context.Context, h *held) error {
	err := l.write(ctx, h)
	if !errors.Is(err, controller.ErrConflict) {
		return err
	}
	doc, rec, readErr := l.read(ctx)
	if readErr != nil {
		return readErr
	}
	if rec.Holder != l.holder || rec.Token != h.rec.Token {
		return err
	}
	h.doc = doc
	return l.write(ctx, h)
}

// record keeps an audit record.
func (l *Lease) record(ctx context.Context, tenant controller.Tenant, action policy.Action, reason string, calls int) {
	desk := tenant.Desk()
	d := desk.Begin(Actor)
	d.Reason = reason
	d.Decided = append(d.Decided, action)
	d.Done = append(d.Done, controller.Step{What: string(action), Calls: calls})
	desk.Record(d)
	desk.Warnf(ctx, "[LEASE] %s: %s", action, reason)
}
