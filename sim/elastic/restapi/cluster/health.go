package cluster

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/reroute"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// HealthStatus orders green below yellow below red.
type HealthStatus uint8

const (
	green HealthStatus = iota
	yellow
	red
)

func (h HealthStatus) String() string { return [...]string{"green", "yellow", "red"}[h] }

// healthCounts are the copies of a shard, an index or the cluster by state.
type healthCounts struct {
	Status                                    HealthStatus
	ActivePrimaries, Active, Relocating, Init int
	Unassigned, UnassignedPrimaries, delayed  int
	total                                     int
}

func (h *healthCounts) add(o *healthCounts) {
	h.Status = max(h.Status, o.Status)
	h.ActivePrimaries += o.ActivePrimaries
	h.Active += o.Active
	h.Relocating += o.Relocating
	h.Init += o.Init
	h.Unassigned += o.Unassigned
	h.UnassignedPrimaries += o.UnassignedPrimaries
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
			h.Active++
			if c.Primary {
				h.ActivePrimaries++
			}
			if c.State == state.Relocating {
				h.Relocating++
			}
		case state.Initializing:
			h.Init++
		case state.Unassigned:
			h.Unassigned++
			if c.Primary {
				h.UnassignedPrimaries++
			}
			if c.Info != nil && c.Info.Delayed {
				h.delayed++
			}
		}
	}
	switch primary := t.Primary(); {
	case primary == nil || !primary.Active():
		h.Status = inactivePrimary(primary)
	case h.Active < h.total:
		h.Status = yellow
	}
	return h
}

// inactivePrimary is yellow for a primary that was only just created, red otherwise
// (ClusterShardHealth.getInactivePrimaryHealth).
func inactivePrimary(c *state.Copy) HealthStatus {
	if c == nil || c.Info == nil {
		return red
	}
	fresh := c.Source == state.EmptyStore || c.Source == state.Snapshot || c.Source == state.LocalShards
	if c.Info.LastStatus != state.DecidersNo && c.Info.FailedAllocations == 0 && fresh {
		return yellow
	}
	return red
}

func IndexHealth(t *state.IndexTable) healthCounts {
	var h healthCounts
	if t == nil {
		h.Status = red
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
			ih := IndexHealth(t)
			h.add(&ih)
		}
	}
	if slices.ContainsFunc(st.Global, func(b state.Block) bool { return b.Status == 503 }) {
		h.Status = red
	}
	return h
}

// HealthAnswer is what a health request found.
type HealthAnswer struct {
	State    *state.State
	Counts   healthCounts
	names    []string // nil: all
	missing  bool     // a named index does not exist
	tasks    int
	fetches  int
	waiting  time.Duration
	timedOut bool
}

// Percent is that of the active shards, NaN while a cluster without shards has not recovered
// its state: so ClusterStateHealth has it, and in that order of operations. For an index that
// is missing it looks at none.
func (h *HealthAnswer) Percent() float64 {
	if h.Counts.Status == green || h.missing {
		return 100
	}
	return float64(float64(h.Counts.Active) / float64(h.Counts.total) * 100)
}

// masterView is what the health request reads on the master.
type masterView struct {
	State   *state.State
	Tasks   int
	fetches int // answers the master waits for about unassigned shards
	Waiting time.Duration
}

// lookAtMaster asks the master for its view.
type lookAtMaster struct{}

func (lookAtMaster) AskMaster(m *elastic.Master) (masterView, error) {
	return viewOf(m.Process.Node), nil
}

// viewOf reads a node's state and queue.
func viewOf(n *elastic.Node) masterView {
	v := masterView{State: n.Applied(), fetches: reroute.InFlightFetches(n)}
	tasks := n.OwnTasks()
	v.Tasks = len(tasks)
	for _, t := range tasks {
		v.Waiting = max(v.Waiting, t.InQueue)
	}
	return v
}

// LookAtMaster reads the master's state and queue, or with local the node's own.
func LookAtMaster(c *rest.Call, local bool, masterTimeout time.Duration) masterView {
	if local {
		return viewOf(c.Node)
	}
	v, err := elastic.OnMaster(c.Ctx, c.Node, masterTimeout, lookAtMaster{})
	c.Check(err)
	return v
}

type healthRequest struct {
	indices       []string
	options       rest.IndicesOptions
	local         bool
	level         string
	timeout       time.Duration
	masterTimeout time.Duration
	status        *HealthStatus
	noRelocating  bool
	noInit        bool
	active        string
	nodes         string
	events        *elastic.Priority
	okOnTimeout   bool
}

func prepareHealth(r *rest.Request) rest.Action {
	q := healthRequest{
		indices: r.ListParam("index"), options: r.IndicesOptions(rest.Lenient), local: r.BoolParam("local", false),
		masterTimeout: r.MasterTimeout(), timeout: r.AckTimeout(), level: r.ParamOr("level", "cluster"),
	}
	if r.Has("timeout") && !r.Has("master_timeout") {
		q.masterTimeout = q.timeout
	}
	if v, ok := r.Lookup("wait_for_status"); ok {
		s := slices.Index([]string{"GREEN", "YELLOW", "RED"}, strings.ToUpper(v))
		if s < 0 {
			rest.Raise(rest.IllegalArgument("No enum constant org.elasticsearch.cluster.health.ClusterHealthStatus.%s", strings.ToUpper(v)))
		}
		status := HealthStatus(s)
		q.status = &status
	}
	q.noRelocating = r.BoolParam("wait_for_no_relocating_shards", false)
	q.noInit = r.BoolParam("wait_for_no_initializing_shards", false)
	if r.Has("wait_for_relocating_shards") {
		rest.Raise(rest.IllegalArgument("wait_for_relocating_shards has been removed, use wait_for_no_relocating_shards [true/false] instead"))
	}
	q.active = r.ParamOr("wait_for_active_shards", "0")
	rest.CheckActiveCount(q.active)
	q.nodes = r.Param("wait_for_nodes")
	checkNodesExpression(q.nodes)
	if v, ok := r.Lookup("wait_for_events"); ok {
		p := slices.Index(priorities, strings.ToUpper(v))
		if p < 0 {
			rest.Raise(rest.IllegalArgument("No enum constant org.elasticsearch.common.Priority.%s", strings.ToUpper(v)))
		}
		priority := elastic.Priority(p)
		q.events = &priority
	}
	q.okOnTimeout = r.BoolParam("return_200_for_cluster_health_timeout", false)
	if !slices.Contains([]string{"cluster", "indices", "shards"}, strings.ToLower(q.level)) {
		rest.Raise(rest.IllegalArgument("level parameter must be one of [cluster] or [indices] or [shards] but was [%s]", q.level))
	}
	return q.run
}

// PriorityName is the name of a task's priority.
func PriorityName(p elastic.Priority) string { return priorities[p] }

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
		number, ok := strings.CutPrefix(text, b.prefix)
		if !ok || !strings.HasSuffix(number, b.suffix) {
			continue
		}
		number = strings.TrimSuffix(number, b.suffix)
		want, err := strconv.ParseInt(number, 10, 32)
		if err != nil {
			rest.Raise(rest.NumberFormat(number))
		}
		return b.holds(n, int(want))
	}
	return true
}

// run waits until everything asked for holds, as TransportClusterHealthAction does.
func (q *healthRequest) run(c *rest.Call) *rest.Response {
	deadline := c.Now() + q.timeout
	timedOut := false
	if q.events != nil && !q.local {
		timedOut = !drainQueue(c, *q.events, min(q.masterTimeout, q.timeout))
	}
	var h *HealthAnswer
	for {
		h = q.look(c)
		if timedOut || q.holds(h) {
			break
		}
		left := deadline - c.Now()
		if left <= 0 {
			timedOut = true
			break
		}
		seen := h.State.Version
		changed, err := c.Node.WhenState(c.Ctx, left, func(st *state.State) bool { return st.Version > seen })
		c.Check(err)
		if changed && c.Node.Applied().Version <= seen {
			c.Sleep(min(left, 10*time.Millisecond))
		}
	}
	h.timedOut = timedOut
	status := 200
	if timedOut && !q.okOnTimeout {
		status = 408
	}
	return &rest.Response{Status: status, JSON: q.render(c, h)}
}

// drainQueue waits until the master has done what is queued at this priority or above.
func drainQueue(c *rest.Call, p elastic.Priority, timeout time.Duration) bool {
	_, _, err := c.Node.MasterTask(c.Ctx, "cluster_health (wait_for_events ["+priorities[p]+"])", p, timeout, timeout, nothing{})
	if err == nil {
		return true
	}
	if e := elastic.AsError(err); e.Status == 503 {
		return false
	}
	c.Check(err)
	return false
}

// nothing changes nothing: it waits for its turn.
type nothing struct{}

func (nothing) Change(_ *elastic.Master, st *state.State) (*state.State, error) { return st, nil }

func (q *healthRequest) look(c *rest.Call) *HealthAnswer {
	v := LookAtMaster(c, q.local, q.masterTimeout)
	h := &HealthAnswer{State: v.State, tasks: v.Tasks, fetches: v.fetches, waiting: v.Waiting}
	if len(q.indices) > 0 {
		h.names = []string{}
		for _, name := range q.indices {
			switch {
			case strings.Contains(name, "*") || name == "_all":
				h.names = rest.AddNew(h.names, rest.Resolve(v.State, []string{name}, q.options)...)
			case v.State.Index(name) != nil:
				h.names = rest.AddNew(h.names, name)
			case v.State.Aliased(name) != nil:
				h.names = rest.AddNew(h.names, rest.Resolve(v.State, []string{name}, rest.Lenient)...)
			default:
				h.missing = true
			}
		}
	}
	h.Counts = CountsOf(c, v.State, h.names)
	if h.missing {
		h.Counts.Status = red
	}
	return h
}

// CountsOf remembers the counts of the whole cluster for the latest state.
func CountsOf(c *rest.Call, st *state.State, names []string) healthCounts {
	if names != nil {
		return clusterHealth(st, names)
	}
	return rest.Remember(c, "counts", st, func() healthCounts { return clusterHealth(st, nil) })
}

func (q *healthRequest) holds(h *HealthAnswer) bool {
	active := true
	switch q.active {
	case "", "0":
	case "all":
		active = h.Counts.Active == h.Counts.total
	default:
		n, _ := strconv.Atoi(q.active)
		active = h.Counts.Active >= n
	}
	return active && (q.status == nil || h.Counts.Status <= *q.status) &&
		(!q.noRelocating || h.Counts.Relocating == 0) && (!q.noInit || h.Counts.Init == 0) &&
		!h.missing && enoughNodes(q.nodes, len(h.State.Nodes))
}

func (q *healthRequest) render(c *rest.Call, h *HealthAnswer) []byte {
	body := func() []byte {
		w := rest.NewWriter(c.Req.Human())
		w.Obj()
		w.Str("cluster_name", c.Cluster.Name())
		w.Str("status", h.Counts.Status.String())
		w.Bool("timed_out", h.timedOut)
		w.Int("number_of_nodes", len(h.State.Nodes))
		w.Int("number_of_data_nodes", CountData(h.State))
		w.Int("active_primary_shards", h.Counts.ActivePrimaries)
		h.Counts.write(w)
		w.Int("delayed_unassigned_shards", h.Counts.delayed)
		w.Int("number_of_pending_tasks", h.tasks)
		w.Int("number_of_in_flight_fetch", h.fetches)
		w.Millis("task_max_waiting_in_queue_millis", "task_max_waiting_in_queue", h.waiting)
		if w.Human {
			w.Str("active_shards_percent", strconv.FormatFloat(h.Percent(), 'f', 1, 64)+"%")
		}
		w.Float("active_shards_percent_as_number", h.Percent())
		if q.level != "cluster" {
			q.renderIndices(w, h)
		}
		w.End()
		return w.Bytes()
	}
	if h.tasks+h.fetches > 0 || h.timedOut || h.names != nil {
		return body()
	}
	return c.Cache.Render("health?"+q.level+strconv.FormatBool(c.Req.Human()), h.State, body)
}

// write writes the counts that cluster, index and shard share.
func (h *healthCounts) write(w *rest.Writer) {
	w.Int("active_shards", h.Active)
	w.Int("relocating_shards", h.Relocating)
	w.Int("initializing_shards", h.Init)
	w.Int("unassigned_shards", h.Unassigned)
	w.Int("unassigned_primary_shards", h.UnassignedPrimaries)
}

func (q *healthRequest) renderIndices(w *rest.Writer, h *HealthAnswer) {
	w.Object("indices")
	for _, t := range byName(h.State.Routing.Indices) {
		m := h.State.Index(t.Index)
		if m == nil || h.names != nil && !slices.Contains(h.names, t.Index) {
			continue
		}
		ih := IndexHealth(t)
		w.Object(t.Index)
		w.Str("status", ih.Status.String())
		w.Int("number_of_shards", m.Shards)
		w.Int("number_of_replicas", m.Replicas)
		w.Int("active_primary_shards", ih.ActivePrimaries)
		ih.write(w)
		if strings.EqualFold(q.level, "shards") {
			w.Object("shards")
			for _, s := range t.Shards {
				sh := shardHealth(s)
				w.Object(strconv.Itoa(s.Shard))
				w.Str("status", sh.Status.String())
				w.Bool("primary_active", sh.ActivePrimaries > 0)
				sh.write(w)
				w.End()
			}
			w.End()
		}
		w.End()
	}
	w.End()
}

func byName(tables []*state.IndexTable) []*state.IndexTable {
	out := slices.Clone(tables)
	slices.SortStableFunc(out, func(a, b *state.IndexTable) int { return cmp.Compare(a.Index, b.Index) })
	return out
}

func CountData(st *state.State) int {
	n := 0
	for _, node := range st.Nodes {
		if rest.IsData(node) {
			n++
		}
	}
	return n
}
