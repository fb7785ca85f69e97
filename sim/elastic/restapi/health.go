package restapi

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// healthStatus orders green below yellow below red.
type healthStatus uint8

const (
	green healthStatus = iota
	yellow
	red
)

func (h healthStatus) String() string { return [...]string{"green", "yellow", "red"}[h] }

// healthCounts are the copies of a shard, an index or the cluster by state.
type healthCounts struct {
	status                                    healthStatus
	activePrimaries, active, relocating, init int
	unassigned, unassignedPrimaries, delayed  int
	total                                     int
}

func (h *healthCounts) add(o *healthCounts) {
	h.status = max(h.status, o.status)
	h.activePrimaries += o.activePrimaries
	h.active += o.active
	h.relocating += o.relocating
	h.init += o.init
	h.unassigned += o.unassigned
	h.unassignedPrimaries += o.unassignedPrimaries
	h.delayed += o.delayed
	h.total += o.total
}

// shardHealth is ClusterShardHealth.
func shardHealth(t *state.ShardTable) healthCounts {
	var h healthCounts
	for _, c := range t.Copies {
		h.total++
		switch c.State {
		case state.Started, state.Relocating:
			h.active++
			if c.Primary {
				h.activePrimaries++
			}
			if c.State == state.Relocating {
				h.relocating++
			}
		case state.Initializing:
			h.init++
		case state.Unassigned:
			h.unassigned++
			if c.Primary {
				h.unassignedPrimaries++
			}
			if c.Info != nil && c.Info.Delayed {
				h.delayed++
			}
		}
	}
	switch primary := t.Primary(); {
	case primary == nil || !primary.Active():
		h.status = inactivePrimary(primary)
	case h.active < h.total:
		h.status = yellow
	}
	return h
}

// inactivePrimary is yellow for a primary that was only just created, red otherwise
// (ClusterShardHealth.getInactivePrimaryHealth).
func inactivePrimary(c *state.Copy) healthStatus {
	if c == nil || c.Info == nil {
		return red
	}
	fresh := c.Source == state.EmptyStore || c.Source == state.Snapshot || c.Source == state.LocalShards
	if c.Info.LastStatus != state.DecidersNo && c.Info.FailedAllocations == 0 && fresh {
		return yellow
	}
	return red
}

func indexHealth(t *state.IndexTable) healthCounts {
	var h healthCounts
	if t == nil {
		h.status = red
		return h
	}
	for _, s := range t.Shards {
		sh := shardHealth(s)
		h.add(&sh)
	}
	return h
}

// clusterHealth sums the named indices; nil means all.
func clusterHealth(st *state.State, names []string) healthCounts {
	var h healthCounts
	for _, t := range st.Routing.Indices {
		if names == nil || slices.Contains(names, t.Index) {
			ih := indexHealth(t)
			h.add(&ih)
		}
	}
	if slices.ContainsFunc(st.Global, func(b state.Block) bool { return b.Status == 503 }) {
		h.status = red
	}
	return h
}

// healthAnswer is what a health request found.
type healthAnswer struct {
	st       *state.State
	counts   healthCounts
	names    []string // nil: all
	missing  bool     // a named index does not exist
	tasks    int
	fetches  int
	waiting  time.Duration
	timedOut bool
}

// percent is that of the active shards, NaN while a cluster without shards has not recovered
// its state: so ClusterStateHealth has it, and in that order of operations. For an index that
// is missing it looks at none.
func (h *healthAnswer) percent() float64 {
	if h.counts.status == green || h.missing {
		return 100
	}
	return float64(float64(h.counts.active) / float64(h.counts.total) * 100)
}

// masterView is what the health request reads on the master.
type masterView struct {
	st      *state.State
	tasks   int
	fetches int // answers the master waits for about unassigned shards
	waiting time.Duration
}

// viewOf reads a node's state and queue; it runs on that node.
func viewOf(c *call) func(n *elastic.Node) (masterView, error) {
	return func(n *elastic.Node) (masterView, error) {
		v := masterView{st: n.Applied(), fetches: n.InFlightFetches()}
		tasks, err := n.PendingTasks(c.ctx, true, 0)
		if err != nil {
			return v, err
		}
		v.tasks = len(tasks)
		for _, t := range tasks {
			v.waiting = max(v.waiting, t.InQueue)
		}
		return v, nil
	}
}

// viewOf reads the master's state and queue, or with local the node's own.
func lookAtMaster(c *call, local bool, masterTimeout time.Duration) masterView {
	var v masterView
	var err error
	if local {
		v, err = viewOf(c)(c.node)
	} else {
		v, err = elastic.OnMaster(c.ctx, c.node, masterTimeout, viewOf(c))
	}
	c.check(err)
	return v
}

type healthRequest struct {
	indices       []string
	options       indicesOptions
	local         bool
	level         string
	timeout       time.Duration
	masterTimeout time.Duration
	status        *healthStatus
	noRelocating  bool
	noInit        bool
	active        string
	nodes         string
	events        *elastic.Priority
	okOnTimeout   bool
}

func prepareHealth(r *request) action {
	q := healthRequest{
		indices: r.listParam("index"), options: r.indicesOptions(lenient), local: r.boolParam("local", false),
		masterTimeout: r.masterTimeout(), timeout: r.ackTimeout(), level: r.paramOr("level", "cluster"),
	}
	if r.has("timeout") && !r.has("master_timeout") {
		q.masterTimeout = q.timeout
	}
	if v, ok := r.lookup("wait_for_status"); ok {
		s := slices.Index([]string{"GREEN", "YELLOW", "RED"}, strings.ToUpper(v))
		if s < 0 {
			raise(illegalArgument("No enum constant org.elasticsearch.cluster.health.ClusterHealthStatus.%s", strings.ToUpper(v)))
		}
		status := healthStatus(s)
		q.status = &status
	}
	q.noRelocating = r.boolParam("wait_for_no_relocating_shards", false)
	q.noInit = r.boolParam("wait_for_no_initializing_shards", false)
	if r.has("wait_for_relocating_shards") {
		raise(illegalArgument("wait_for_relocating_shards has been removed, use wait_for_no_relocating_shards [true/false] instead"))
	}
	q.active = r.paramOr("wait_for_active_shards", "0")
	checkActiveCount(q.active)
	q.nodes = r.param("wait_for_nodes")
	checkNodesExpression(q.nodes)
	if v, ok := r.lookup("wait_for_events"); ok {
		p := slices.Index(priorities, strings.ToUpper(v))
		if p < 0 {
			raise(illegalArgument("No enum constant org.elasticsearch.common.Priority.%s", strings.ToUpper(v)))
		}
		priority := elastic.Priority(p)
		q.events = &priority
	}
	q.okOnTimeout = r.boolParam("return_200_for_cluster_health_timeout", false)
	if !slices.Contains([]string{"cluster", "indices", "shards"}, strings.ToLower(q.level)) {
		raise(illegalArgument("level parameter must be one of [cluster] or [indices] or [shards] but was [%s]", q.level))
	}
	return q.run
}

// priorities in the order of elastic.Priority.
var priorities = []string{"IMMEDIATE", "URGENT", "HIGH", "NORMAL", "LOW", "LANGUID"}

// nodeBounds are the forms of ?wait_for_nodes, longest first.
var nodeBounds = []struct {
	prefix, suffix string
	holds          func(n, want int) bool
}{
	{">=", "", func(n, w int) bool { return n >= w }}, {"ge(", ")", func(n, w int) bool { return n >= w }},
	{"<=", "", func(n, w int) bool { return n <= w }}, {"le(", ")", func(n, w int) bool { return n <= w }},
	{">", "", func(n, w int) bool { return n > w }}, {"gt(", ")", func(n, w int) bool { return n > w }},
	{"<", "", func(n, w int) bool { return n < w }}, {"lt(", ")", func(n, w int) bool { return n < w }},
	{"", "", func(n, w int) bool { return n == w }},
}

func checkNodesExpression(text string) { enoughNodes(text, 0) }

func enoughNodes(text string, n int) bool {
	if text == "" {
		return true
	}
	for _, b := range nodeBounds {
		rest, ok := strings.CutPrefix(text, b.prefix)
		if !ok || !strings.HasSuffix(rest, b.suffix) {
			continue
		}
		rest = strings.TrimSuffix(rest, b.suffix)
		want, err := strconv.ParseInt(rest, 10, 32)
		if err != nil {
			raise(numberFormat(rest))
		}
		return b.holds(n, int(want))
	}
	return true
}

// run waits until everything asked for holds, as TransportClusterHealthAction does.
func (q *healthRequest) run(c *call) *response {
	deadline := c.now() + q.timeout
	timedOut := false
	if q.events != nil && !q.local {
		timedOut = !drainQueue(c, *q.events, min(q.masterTimeout, q.timeout))
	}
	var h *healthAnswer
	for {
		h = q.look(c)
		if timedOut || q.holds(h) {
			break
		}
		left := deadline - c.now()
		if left <= 0 {
			timedOut = true
			break
		}
		seen := h.st.Version
		changed, err := c.node.WhenState(c.ctx, left, func(st *state.State) bool { return st.Version > seen })
		c.check(err)
		if changed && c.node.Applied().Version <= seen {
			c.sleep(min(left, 10*time.Millisecond))
		}
	}
	h.timedOut = timedOut
	status := 200
	if timedOut && !q.okOnTimeout {
		status = 408
	}
	return &response{status: status, json: q.render(c, h)}
}

// drainQueue waits until the master has done what is queued at this priority or above.
func drainQueue(c *call, p elastic.Priority, timeout time.Duration) bool {
	_, _, err := c.node.MasterTask(c.ctx, "cluster_health (wait_for_events ["+priorities[p]+"])", p, timeout, timeout,
		func(st *state.State) (*state.State, error) { return st, nil })
	if err == nil {
		return true
	}
	if e := elastic.AsError(err); e.Status == 503 {
		return false
	}
	c.check(err)
	return false
}

func (q *healthRequest) look(c *call) *healthAnswer {
	v := lookAtMaster(c, q.local, q.masterTimeout)
	h := &healthAnswer{st: v.st, tasks: v.tasks, fetches: v.fetches, waiting: v.waiting}
	if len(q.indices) > 0 {
		h.names = []string{}
		for _, name := range q.indices {
			switch {
			case strings.Contains(name, "*") || name == "_all":
				h.names = addNew(h.names, resolve(v.st, []string{name}, lenient)...)
			case v.st.Index(name) != nil:
				h.names = addNew(h.names, name)
			default:
				h.missing = true
			}
		}
	}
	h.counts = countsOf(c, v.st, h.names)
	if h.missing {
		h.counts.status = red
	}
	return h
}

// countsOf remembers the counts of the whole cluster for the latest state.
func countsOf(c *call, st *state.State, names []string) healthCounts {
	if names != nil {
		return clusterHealth(st, names)
	}
	return remember(c, "counts", st, func() healthCounts { return clusterHealth(st, nil) })
}

func (q *healthRequest) holds(h *healthAnswer) bool {
	active := true
	switch q.active {
	case "", "0":
	case "all":
		active = h.counts.active == h.counts.total
	default:
		n, _ := strconv.Atoi(q.active)
		active = h.counts.active >= n
	}
	return active && (q.status == nil || h.counts.status <= *q.status) &&
		(!q.noRelocating || h.counts.relocating == 0) && (!q.noInit || h.counts.init == 0) &&
		!h.missing && enoughNodes(q.nodes, len(h.st.Nodes))
}

func (q *healthRequest) render(c *call, h *healthAnswer) []byte {
	body := func() []byte {
		w := newJSON(c.req.human())
		w.obj()
		w.str("cluster_name", c.cluster.Name())
		w.str("status", h.counts.status.String())
		w.bool("timed_out", h.timedOut)
		w.int("number_of_nodes", len(h.st.Nodes))
		w.int("number_of_data_nodes", countData(h.st))
		w.int("active_primary_shards", h.counts.activePrimaries)
		h.counts.write(w)
		w.int("delayed_unassigned_shards", h.counts.delayed)
		w.int("number_of_pending_tasks", h.tasks)
		w.int("number_of_in_flight_fetch", h.fetches)
		w.millis("task_max_waiting_in_queue_millis", "task_max_waiting_in_queue", h.waiting)
		if w.human {
			w.str("active_shards_percent", strconv.FormatFloat(h.percent(), 'f', 1, 64)+"%")
		}
		w.float("active_shards_percent_as_number", h.percent())
		if q.level != "cluster" {
			q.renderIndices(w, h)
		}
		w.end()
		return w.bytes()
	}
	if h.tasks+h.fetches > 0 || h.timedOut || h.names != nil {
		return body()
	}
	return c.cache.render("health?"+q.level+strconv.FormatBool(c.req.human()), h.st, body)
}

// write writes the counts that cluster, index and shard share.
func (h *healthCounts) write(w *jsonWriter) {
	w.int("active_shards", h.active)
	w.int("relocating_shards", h.relocating)
	w.int("initializing_shards", h.init)
	w.int("unassigned_shards", h.unassigned)
	w.int("unassigned_primary_shards", h.unassignedPrimaries)
}

func (q *healthRequest) renderIndices(w *jsonWriter, h *healthAnswer) {
	w.object("indices")
	for _, t := range byName(h.st.Routing.Indices) {
		m := h.st.Index(t.Index)
		if m == nil || h.names != nil && !slices.Contains(h.names, t.Index) {
			continue
		}
		ih := indexHealth(t)
		w.object(t.Index)
		w.str("status", ih.status.String())
		w.int("number_of_shards", m.Shards)
		w.int("number_of_replicas", m.Replicas)
		w.int("active_primary_shards", ih.activePrimaries)
		ih.write(w)
		if strings.EqualFold(q.level, "shards") {
			w.object("shards")
			for _, s := range t.Shards {
				sh := shardHealth(s)
				w.object(strconv.Itoa(s.Shard))
				w.str("status", sh.status.String())
				w.bool("primary_active", sh.activePrimaries > 0)
				sh.write(w)
				w.end()
			}
			w.end()
		}
		w.end()
	}
	w.end()
}

func byName(tables []*state.IndexTable) []*state.IndexTable {
	out := slices.Clone(tables)
	slices.SortStableFunc(out, func(a, b *state.IndexTable) int { return cmp.Compare(a.Index, b.Index) })
	return out
}

func countData(st *state.State) int {
	n := 0
	for _, node := range st.Nodes {
		if isData(node) {
			n++
		}
	}
	return n
}
