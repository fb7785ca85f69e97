package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/policy"
	"github.com/shardquake/shardquake/internal/source"
)

// route is one path and method.
type route struct {
	method  string
	path    string
	about   string
	handle  http.HandlerFunc
	body    any          // value of the type that the request's body has; nil: none
	answer  any          // value of the type of the answer; nil: not JSON
	media   string       // type of an answer that is not JSON
	status  int          // of a successful answer; 0: 200
	query   []queryParam // parameters that it knows
	open    bool         // needs no token
	endless bool         // a stream: no time limit
}

// queryParam is a query parameter of a route.
type queryParam struct{ name, kind, about string }

// serves reports whether the route takes a method; HEAD goes with GET.
func (r route) serves(method string) bool {
	return r.method == method || (r.method == http.MethodGet && method == http.MethodHead)
}

// table lists all there is.
func (s *Server) table() []route {
	c := s.cfg.Controller
	return []route{
		{method: "GET", path: "/replication/status", about: "Replication status of every index, by name.",
			handle: s.replicationStatuses, answer: map[string]controller.ReplicationStatus{}},
		{method: "GET", path: "/replication/status/{index}", about: "Replication status of one index.",
			handle: s.replicationStatus, answer: controller.ReplicationStatus{}},
		{method: "GET", path: "/replication/health/{index}", about: "Every copy of an index: state, node, documents, size, operations behind its primary.",
			handle: s.replicaHealth, answer: []controller.ReplicaHealth{}},
		{method: "GET", path: "/shards", about: "The distribution of shards over nodes.",
			handle: s.shards, answer: controller.ShardOverview{}},
		{method: "POST", path: "/shards", about: "Rebalance shards, or set the weights of the balancer, now.",
			handle: s.manageShards, body: shardOrder{}, answer: orderAnswer{}},
		{method: "GET", path: "/plan", about: "What the policy would do now: settings, moves, bytes, time, balance before and after. Takes some seconds.",
			handle: s.plan, answer: controller.Plan{}},
		{method: "GET", path: "/recoveries", about: "Recoveries going on, with pace, estimated end and the cause of slowness.",
			handle: func(w http.ResponseWriter, _ *http.Request) {
				writeJSON(w, 200, some(c.Monitor().GetRecoveries()))
			}, answer: []controller.RecoveryProgress{}},
		{method: "GET", path: "/decisions", about: "Audit records, newest first.",
			handle: s.decisions, answer: []controller.Decision{}, query: []queryParam{{"limit", "integer", "how many at most; default 100"}}},
		{method: "GET", path: "/cluster/metrics", about: "Figures of cluster, nodes, indices and shards.",
			handle: s.figures, answer: controller.Metrics{}},
		{method: "GET", path: "/metrics", about: "Metrics in the text format of Prometheus.", handle: s.metrics.ServeHTTP, media: "text/plain"},
		{method: "GET", path: "/events", about: "A stream of server-sent events: status, whenever something changed.",
			handle: s.events, endless: true, media: "text/event-stream"},
		{method: "GET", path: "/healthz", about: "The process is alive.", open: true,
			handle: func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 200, health{"ok"}) }, answer: health{}},
		{method: "GET", path: "/readyz", about: "The controller looks after its cluster and sees it; 503 when it does not, or stands by.", open: true,
			handle: s.ready, answer: health{}},
		{method: "GET", path: "/openapi.json", about: "This description.", open: true, media: "application/json",
			handle: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write(s.openAPI)
			}},
		{method: "GET", path: "/", about: "A status page for people.", open: true, handle: s.page, media: "text/html"},
	}
}

// health is the answer of the health checks.
type health struct {
	Status string `json:"status"`
}

// shardOrder is the body of POST /shards.
type shardOrder struct {
	Action string `json:"action" jsonschema:"enum=rebalance,enum=optimize"`
}

// orderAnswer is the answer to POST /shards.
type orderAnswer struct {
	Message  string              `json:"message"`
	Decision controller.Decision `json:"decision"`
}

func (s *Server) replicationStatuses(w http.ResponseWriter, _ *http.Request) {
	if err := s.unseen(); err != nil {
		writeFailure(w, err)
		return
	}
	writeJSON(w, 200, s.cfg.Controller.Monitor().GetAllReplicationStatuses())
}

func (s *Server) replicationStatus(w http.ResponseWriter, r *http.Request) {
	status, err := s.cfg.Controller.Monitor().GetReplicationStatus(r.PathValue("index"))
	if err != nil {
		writeFailure(w, s.noIndex(err, r.PathValue("index")))
		return
	}
	writeJSON(w, 200, status)
}

func (s *Server) replicaHealth(w http.ResponseWriter, r *http.Request) {
	copies, err := s.cfg.Controller.Monitor().GetReplicaHealth(r.PathValue("index"))
	if err != nil {
		writeFailure(w, s.noIndex(err, r.PathValue("index")))
		return
	}
	writeJSON(w, 200, copies)
}

// errUnseen says that nothing is known of the cluster yet, which is not the same as that it
// has no indices.
var errUnseen = errors.New("no look at the cluster has succeeded yet")

// unseen is why nothing is known of any index; nil when something is.
func (s *Server) unseen() error {
	switch c := s.cfg.Controller; {
	case !c.Monitor().LastCheck().IsZero():
		return nil
	case !c.Running():
		return fmt.Errorf("%w: %w", errUnseen, controller.ErrNotRunning)
	}
	return errUnseen
}

// noIndex completes the error about an index that the monitor doesn't know.
func (s *Server) noIndex(err error, index string) error {
	if why := s.unseen(); why != nil {
		return why
	}
	statuses := s.cfg.Controller.Monitor().GetAllReplicationStatuses()
	if _, known := statuses[index]; known {
		return fmt.Errorf("%w: of its details", errUnseen)
	}
	return withNearest(err, index, slices.Sorted(maps.Keys(statuses)))
}

// withNearest adds to an error about a name the one that was perhaps meant.
func withNearest(err error, got string, valid []string) error {
	if nearest := source.Nearest(got, valid); nearest != "" {
		return fmt.Errorf("%w; did you mean %q?", err, nearest)
	}
	return err
}

func (s *Server) shards(w http.ResponseWriter, r *http.Request) {
	overview, err := s.cfg.Controller.GetShards(r.Context())
	if err != nil {
		writeFailure(w, err)
		return
	}
	writeJSON(w, 200, overview)
}

func (s *Server) plan(w http.ResponseWriter, r *http.Request) {
	plan, err := s.cfg.Controller.Plan(r.Context())
	if err != nil {
		writeFailure(w, err)
		return
	}
	writeJSON(w, 200, plan)
}

// manageShards does what the body asks for.
func (s *Server) manageShards(w http.ResponseWriter, r *http.Request) {
	var order shardOrder
	if status, err := readBody(r, &order); err != nil {
		writeError(w, status, "bad_request", err.Error())
		return
	}
	actions := map[string]struct {
		action  policy.Action
		message string
	}{
		"rebalance": {policy.Rebalance, "Shard rebalancing triggered"},
		"optimize":  {policy.Optimize, "Shard optimization triggered"},
	}
	a, ok := actions[order.Action]
	if !ok {
		err := withNearest(fmt.Errorf("unknown action %q; there are rebalance and optimize", order.Action), order.Action, []string{"rebalance", "optimize"})
		writeError(w, http.StatusBadRequest, "unknown_action", err.Error())
		return
	}
	decision, err := s.cfg.Controller.Order(r.Context(), a.action)
	if err != nil {
		writeFailure(w, err)
		return
	}
	writeJSON(w, 200, orderAnswer{a.message, decision})
}

// readBody reads a JSON object that has no other fields than v, and nothing after it.
func readBody(r *http.Request, v any) (status int, err error) {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return http.StatusRequestEntityTooLarge, fmt.Errorf("body larger than %d bytes", tooLarge.Limit)
		}
		if errors.Is(err, io.EOF) {
			err = errors.New("there is none; want a JSON object")
		}
		return http.StatusBadRequest, fmt.Errorf("body: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return http.StatusBadRequest, errors.New("body: something follows the object")
	}
	return 0, nil
}

func (s *Server) decisions(w http.ResponseWriter, r *http.Request) {
	limit := 100
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			writeError(w, http.StatusBadRequest, "bad_request", fmt.Sprintf("limit %q: want a positive number", text))
			return
		}
		limit = n
	}
	writeJSON(w, 200, some(newest(s.cfg.Controller.Decisions(), limit)))
}

// newest are the last decisions, the last first. They are recorded when they are carried
// out, which may be in another order than that in which they were taken.
func newest(all []controller.Decision, limit int) []controller.Decision {
	slices.SortStableFunc(all, func(a, b controller.Decision) int { return b.Seq - a.Seq })
	return all[:min(limit, len(all))]
}

func (s *Server) figures(w http.ResponseWriter, _ *http.Request) {
	m, ok := s.cfg.Controller.Monitor().GetMetrics()
	if !ok {
		writeError(w, http.StatusServiceUnavailable, "not_yet", "no look at the cluster's details has succeeded yet")
		return
	}
	m.Nodes, m.Indices, m.Shards = some(m.Nodes), some(m.Indices), some(m.Shards)
	writeJSON(w, 200, m)
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	if !s.cfg.Controller.Running() {
		writeError(w, http.StatusServiceUnavailable, "not_running", controller.ErrNotRunning.Error())
		return
	}
	if !s.cfg.Controller.Ready() {
		writeError(w, http.StatusServiceUnavailable, "not_ready", "the controller does not see its cluster")
		return
	}
	writeJSON(w, 200, health{"ready"})
}

// some makes an empty list of nil, which JSON would show as null.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
