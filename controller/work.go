package controller

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

	"github.com/shardquake/shardquake/internal/clock"
)

// Trigger says what is done where copies need a node and somebody has switched
// allocation off.
type Trigger string

// The triggers. Whichever it is, nothing is done before the patience is over.
const (
	TriggerNever Trigger = "never" // nothing
	TriggerAlarm Trigger = "alarm" // an alarm is raised
	TriggerAct   Trigger = "act"   // an alarm is raised, and allocation is switched on, once
)

// Triggers are all of them.
func Triggers() []Trigger { return []Trigger{TriggerNever, TriggerAlarm, TriggerAct} }

// DefaultPatience is for how long there must be no sign of a person at work: longer than
// the restart of a node takes, its upgrade included.
const DefaultPatience = 30 * time.Minute

const (
	allocationEnable = "cluster.routing.allocation.enable"
	rebalanceEnable  = "cluster.routing.rebalance.enable"
	nodeLeftDelay    = "index.unassigned.node_left.delayed_timeout"
)

// Work is what the cluster shows of people who work on it.
type Work struct {
	// Allocation is the value of cluster.routing.allocation.enable, where somebody has set
	// it to something else than all; "" where all copies may be assigned.
	Allocation string
	// Shutdown are the nodes registered with the shutdown API.
	Shutdown []string
	// rebalance is the value to which somebody has lately changed cluster.routing.rebalance.enable.
	rebalance string
	// Quiet is for how long there was no new sign: a setting that changed, a node that went
	// away, came back, or was registered for a shutdown.
	Quiet time.Duration
	// Left is how long the controller goes on waiting, until Until; 0: its patience is over.
	Left  time.Duration
	Until time.Time
	since time.Time // of the last sign
}

// InHand reports whether somebody keeps copies from being assigned, or takes nodes down.
func (w Work) InHand() bool { return w.Allocation != "" || len(w.Shutdown) > 0 }

// String says what shows that somebody is at work, "" where nothing does.
func (w Work) String() string {
	var signs []string
	if w.Allocation != "" {
		signs = append(signs, fmt.Sprintf("%s is %q", allocationEnable, w.Allocation))
	}
	if len(w.Shutdown) > 0 {
		signs = append(signs, "nodes are registered for a shutdown: "+strings.Join(w.Shutdown, ", "))
	}
	if w.rebalance != "" {
		signs = append(signs, fmt.Sprintf("%s was changed to %q", rebalanceEnable, w.rebalance))
	}
	return strings.Join(signs, "; ")
}

// Forgotten says that nobody seems to be at work any more, and what to do.
func (w Work) Forgotten() string {
	if w.Allocation == "" {
		return w.String()
	}
	return fmt.Sprintf("%s and copies need a node; nothing has shown anybody at work since %s: set it back to \"all\" if it was forgotten", w, w.since.Format(time.TimeOnly))
}

// workWatch looks for people at work. What it can't know is since when they have been:
// the first look counts as a sign.
type workWatch struct {
	client   *Client
	clock    clock.Clock
	ledger   *ledger
	patience time.Duration

	mu        sync.Mutex
	known     bool
	seen      workSigns
	rebalance string        // see [Work]
	last      time.Duration // when there was a sign
	wall      time.Time     // the same
	// noShutdowns is set where the cluster has no shutdown API, or doesn't let us read it.
	noShutdowns bool
	alarmed     bool // since the last sign
}

// workSigns are what is compared from look to look.
type workSigns struct {
	allocation, rebalance, shutdown string
	nodes                           int
}

// look looks for people at work.
func (w *workWatch) look(ctx context.Context) (Work, error) {
	ours, err := w.ledger.gave(ctx)
	if err != nil {
		return Work{}, err
	}
	settings, err := w.client.GetClusterSettings(ctx)
	if err != nil {
		return Work{}, fmt.Errorf("settings: %w", err)
	}
	shutdown, err := w.shutdowns(ctx)
	if err != nil {
		return Work{}, err
	}
	health, err := w.client.GetClusterHealth(ctx)
	if err != nil {
		return Work{}, fmt.Errorf("health: %w", err)
	}
	now := workSigns{settings.Effective(allocationEnable), settings.Effective(rebalanceEnable), strings.Join(shutdown, ", "), health.Nodes}
	delay := time.Duration(0)
	if now.allocation != "" && now.allocation != "all" {
		if delay, err = w.nodeLeftDelay(ctx); err != nil {
			return Work{}, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.compare(now, ours)
	out := Work{Shutdown: shutdown, Quiet: w.clock.Monotonic() - w.last}
	if a := now.allocation; a != "" && a != "all" && !ours.has(allocationEnable, a) {
		out.Allocation = a
	}
	out.Left = max(0, max(w.patience, delay)-out.Quiet)
	wall := w.clock.Now().UTC()
	out.Until, out.since = wall.Add(out.Left), w.wall
	if out.Left > 0 {
		out.rebalance = w.rebalance
	}
	return out, nil
}

// compare notes what is new. The lock is held.
func (w *workWatch) compare(now workSigns, ours given) {
	was := w.seen
	w.seen = now
	switch {
	case !w.known:
		w.known = true
	case was == now:
		return
	case was.rebalance != now.rebalance:
		w.rebalance = ""
		if now.rebalance != "all" && !ours.touched(rebalanceEnable) {
			w.rebalance = now.rebalance
		}
		if was.rebalance = now.rebalance; was == now && (now.rebalance == "all" || ours.has(rebalanceEnable, now.rebalance)) {
			return // the controller's own change
		}
	}
	w.last, w.wall, w.alarmed = w.clock.Monotonic(), w.clock.Now().UTC(), false
}

// alarm reports whether it is time to raise the alarm, once since the last sign.
func (w *workWatch) alarm() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.alarmed
	w.alarmed = true
	return !was
}

// shutdowns are the nodes registered for a shutdown, sorted.
func (w *workWatch) shutdowns(ctx context.Context) ([]string, error) {
	w.mu.Lock()
	never := w.noShutdowns
	w.mu.Unlock()
	if never {
		return nil, nil
	}
	out, err := w.client.GetShutdowns(ctx)
	if err == nil && len(out) > 0 {
		return w.named(ctx, out)
	}
	none := errors.Is(err, errNoShutdowns)
	for _, status := range []int{http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented} {
		none = none || HasStatus(err, status)
	}
	if none {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.noShutdowns = true
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("shutdowns: %w", err)
	}
	return out, nil
}

// named puts names in the place of ids, of the nodes that are there.
func (w *workWatch) named(ctx context.Context, shutdowns []string) ([]string, error) {
	nodes, err := w.client.GetNodeStats(ctx)
	if err != nil {
		return nil, fmt.Errorf("names of nodes: %w", err)
	}
	for i, s := range shutdowns {
		for _, n := range nodes {
			if rest, ok := strings.CutPrefix(s, n.ID+" "); ok {
				shutdowns[i] = n.Name + " " + rest
			}
		}
	}
	slices.Sort(shutdowns)
	return shutdowns, nil
}

// nodeLeftDelay is the longest time for which some index waits for a node that left.
func (w *workWatch) nodeLeftDelay(ctx context.Context) (time.Duration, error) {
	const byDefault = time.Minute
	all, err := w.client.GetIndexSettings(ctx, nodeLeftDelay, "index.number_of_replicas") // which every index has
	if err != nil {
		return 0, fmt.Errorf("delays: %w", err)
	}
	longest := time.Duration(0)
	for _, s := range all {
		d, err := time.ParseDuration(s.Values[nodeLeftDelay])
		if err != nil {
			d = byDefault
		}
		longest = max(longest, d)
	}
	return longest, nil
}

// errNoShutdowns says that the cluster has no shutdown API. Without x-pack the path is one
// that asks for information about a node of that name, of which there is none.
var errNoShutdowns = errors.New("the cluster has no shutdown API")

// GetShutdowns lists the nodes that are registered with the shutdown API, by id, each with
// what is to become of it. Distributions without x-pack answer with an error.
func (c *Client) GetShutdowns(ctx context.Context) ([]string, error) {
	body, err := c.call(ctx, "shutdown.get_node", idempotent, get("_nodes", "shutdown"))
	if err != nil {
		return nil, err
	}
	var a struct {
		Nodes json.RawMessage `json:"nodes"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("shutdowns: %w", err)
	}
	var nodes []struct {
		ID   string `json:"node_id"`
		Type string `json:"type"` // RESTART, REMOVE, REPLACE, SIGTERM
	}
	if json.Unmarshal(a.Nodes, &nodes) != nil {
		return nil, errNoShutdowns
	}
	out := []string{}
	for _, n := range nodes {
		out = append(out, fmt.Sprintf("%s (%s)", n.ID, strings.ToLower(n.Type)))
	}
	slices.Sort(out)
	return out, nil
}
