package httpapi

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/consistency"
	"github.com/shardquake/shardquake/controller/recovery"
)

// consistencyTable are the routes of the consistency checker.
func (s *Server) consistencyTable() []route {
	if s.cfg.Consistency == nil {
		return nil
	}
	return []route{
		{method: "GET", path: "/consistency", about: "The last consistency report of every index that was checked, by name.",
			handle: func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 200, s.cfg.Consistency.Reports()) }, answer: map[string]consistency.Report{}},
		{method: "POST", path: "/consistency", about: "Check one index now, in the background.",
			handle: s.checkConsistency, body: checkOrder{}, answer: message{}, status: http.StatusAccepted},
		{method: "GET", path: "/consistency/{index}", about: "The last consistency report of an index.",
			handle: s.consistencyReport, answer: consistency.Report{}, query: []queryParam{{"format", "string", "json (default) or text"}}},
	}
}

// checkOrder is the body of POST /consistency.
type checkOrder struct {
	Index string `json:"index"`
}

// message is an answer that says only what was done.
type message struct {
	Message string `json:"message"`
}

func (s *Server) consistencyReport(w http.ResponseWriter, r *http.Request) {
	index := r.PathValue("index")
	reports := s.cfg.Consistency.Reports()
	report, ok := reports[index]
	if !ok {
		writeFailure(w, withNearest(fmt.Errorf("%w among those checked: %q", controller.ErrNoSuchIndex, index), index, slices.Sorted(maps.Keys(reports))))
		return
	}
	switch format := r.URL.Query().Get("format"); format {
	case "", "json":
		writeJSON(w, 200, report)
	case "text":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, report.Text())
	default:
		writeError(w, http.StatusBadRequest, "bad_request", fmt.Sprintf("format %q: want json or text", format))
	}
}

// checkConsistency starts a check. It takes as long as it takes; the report is fetched
// afterwards.
func (s *Server) checkConsistency(w http.ResponseWriter, r *http.Request) {
	var order checkOrder
	if status, err := readBody(r, &order); err != nil {
		writeError(w, status, "bad_request", err.Error())
		return
	}
	if _, err := s.cfg.Controller.Monitor().GetReplicationStatus(order.Index); err != nil {
		writeFailure(w, s.noIndex(err, order.Index))
		return
	}
	if busy := s.cfg.Consistency.Busy(); busy != "" {
		writeFailure(w, fmt.Errorf("%w: of %s", consistency.ErrBusy, busy))
		return
	}
	s.cfg.Clock.Go(s.cfg.Background, "consistency-check", func(ctx context.Context) {
		// A check that fails says so in its report.
		_, _ = s.cfg.Consistency.Check(ctx, order.Index)
	})
	writeJSON(w, http.StatusAccepted, message{"Consistency check of " + order.Index + " started"})
}

// recoveryTable are the routes of the recovery manager.
func (s *Server) recoveryTable() []route {
	if s.cfg.Recovery == nil {
		return nil
	}
	return []route{
		{method: "GET", path: "/recovery/history", about: "Faults, open ones and those that are over, with times to recovery.",
			handle: s.faultHistory, answer: faultHistory{}},
		{method: "GET", path: "/recovery/approvals", about: "What was allowed, here or when the controller was started.",
			handle: func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 200, some(s.cfg.Recovery.Approvals())) }, answer: []recovery.Approval{}},
		{method: "POST", path: "/recovery/approvals", about: "Allow an action that loses data or overrules somebody.",
			handle: s.approve, body: approval{}, answer: message{}},
	}
}

// faultHistory is the answer of GET /recovery/history.
type faultHistory struct {
	// Findings are about the cluster as a whole.
	Findings []recovery.Finding `json:"findings"`
	Open     []recovery.Fault   `json:"open"`
	Past     []recovery.Fault   `json:"past"`
	Stats    recovery.Stats     `json:"stats"`
}

// approval is the body of POST /recovery/approvals.
type approval struct {
	Approve string `json:"approve" jsonschema:"description=the action or action:index"`
}

// concerns finds a word for an index that there is none of: misspelt, it would be ignored.
func (s *Server) concerns(word recovery.Approval) error {
	index := word.Index()
	if index == "" || slices.ContainsFunc(s.cfg.Recovery.Faults(), func(f recovery.Fault) bool { return f.Index == index }) {
		return nil // one that was deleted to be restored has a fault still
	}
	if _, err := s.cfg.Controller.Monitor().GetReplicationStatus(index); err != nil {
		return s.noIndex(err, index)
	}
	return nil
}

func (s *Server) faultHistory(w http.ResponseWriter, _ *http.Request) {
	m := s.cfg.Recovery
	h := faultHistory{Findings: some(m.Findings()), Open: some(m.Faults()), Past: some(m.Past()), Stats: m.Stats()}
	h.Stats.Causes = some(h.Stats.Causes)
	writeJSON(w, 200, h)
}

// approve takes a person's word, and keeps a record of it: it may lose data.
func (s *Server) approve(w http.ResponseWriter, r *http.Request) {
	var a approval
	if status, err := readBody(r, &a); err != nil {
		writeError(w, status, "bad_request", err.Error())
		return
	}
	word := recovery.Approval(a.Approve)
	if err := word.Check(); err != nil {
		writeError(w, http.StatusBadRequest, "bad_request", err.Error())
		return
	}
	if err := s.concerns(word); err != nil {
		writeFailure(w, err)
		return
	}
	if err := s.cfg.Recovery.Approve(word); err != nil {
		writeError(w, http.StatusBadRequest, "bad_request", err.Error())
		return
	}
	desk := s.cfg.Controller.Desk()
	d := desk.Begin(controller.Operator)
	d.Decided, d.Reason = append(d.Decided, "approve"), "an operator allowed "+a.Approve
	desk.Record(d)
	desk.Warnf(r.Context(), "[RECOVERY] Approved by an operator: %s", a.Approve)
	writeJSON(w, 200, message{"Approved: " + a.Approve})
}
