package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/consistency"
	"github.com/shardquake/shardquake/controller/recovery"
)

// snapshot is what the status page shows, sent whenever it has changed.
type snapshot struct {
	Policy string `json:"policy"`
	// Running is false on a controller that stands by; Ready is true when the last rounds
	// could see the cluster. LastCheck is when one last did.
	Running   bool      `json:"running"`
	Ready     bool      `json:"ready"`
	LastCheck time.Time `json:"last_check,omitzero"`
	// LastLook is when loads, sizes and documents were last looked at.
	LastLook   time.Time                               `json:"last_look,omitzero"`
	Statuses   map[string]controller.ReplicationStatus `json:"statuses"`
	Nodes      []controller.NodeMetrics                `json:"nodes"`
	Indices    []controller.IndexMetric                `json:"indices"`
	Cluster    controller.ClusterHealth                `json:"cluster"`
	Recoveries []shownRecovery                         `json:"recoveries"`
	Decisions  []controller.Decision                   `json:"decisions"`
	Faults     []shownFault                            `json:"faults"` // one for each cause
	// FaultsWatched is false where this controller looks for none.
	FaultsWatched bool `json:"faults_watched"`
	// Consistency is the verdict of the last check, by index.
	Consistency map[string]consistency.Verdict `json:"consistency"`
}

// keepAlive is how often something is sent when nothing has changed, so that both
// ends notice a dead connection.
const keepAlive = 15 * time.Second

func (s *Server) snapshot() snapshot {
	c := s.cfg.Controller
	metrics, _ := c.Monitor().GetMetrics()
	out := snapshot{
		Policy: c.PolicyName(), Running: c.Running(), Ready: c.Ready(), LastCheck: c.Monitor().LastCheck(), LastLook: metrics.At, Statuses: c.Monitor().GetAllReplicationStatuses(),
		Nodes: some(metrics.Nodes), Indices: some(metrics.Indices), Cluster: metrics.Cluster,
		Decisions: some(worthSeeing(c.Decisions())),
		Faults:    []shownFault{}, FaultsWatched: s.cfg.Recovery != nil && c.Running(), Consistency: map[string]consistency.Verdict{},
	}
	if out.Statuses == nil {
		out.Statuses = map[string]controller.ReplicationStatus{} // nothing is known yet
	}
	var open []recovery.Fault
	if s.cfg.Recovery != nil {
		open = s.cfg.Recovery.Faults()
		out.Faults = byCause(open, s.cfg.Recovery.Findings())
	}
	out.Recoveries = credited(c.Monitor().GetRecoveries(), c.Decisions(), open, s.cfg.Clock.Now())
	if s.cfg.Consistency != nil {
		reports := s.cfg.Consistency.Reports()
		for _, name := range slices.Sorted(maps.Keys(reports)) {
			out.Consistency[name] = reports[name].Verdict
		}
	}
	return out
}

// worthSeeing are the decisions for the page, the last first: those of each who decides at
// every round only as far as something was decided, and the last one in any case; of a
// policy that was only asked, the last one. A person who looks wants to see what was done, not that nothing was twice a minute.
func worthSeeing(all []controller.Decision) []controller.Decision {
	const shown = 20
	type who struct{ actor, policy string }
	seen := map[who]bool{}
	var out []controller.Decision
	for _, d := range newest(all, len(all)) {
		by := who{d.Actor, d.Policy}
		if (len(d.Decided) > 0 && !d.Shadow() || !seen[by]) && len(out) < shown {
			out = append(out, d)
		}
		seen[by] = true
	}
	return out
}

// events sends the snapshot at once and after every change, until the listener goes.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	stream := http.NewResponseController(w)
	// The server's limit on writing an answer is not meant for a stream; where it can't
	// be lifted there is none.
	_ = stream.SetWriteDeadline(time.Time{})
	w.Header().Set("Content-Type", "text/event-stream")
	var sent []byte
	quiet := s.cfg.Clock.Monotonic()
	for {
		now, err := json.Marshal(s.snapshot())
		if err != nil {
			return
		}
		message := ""
		switch {
		case !bytes.Equal(now, sent):
			message = fmt.Sprintf("event: status\ndata: %s\n\n", now)
		case s.cfg.Clock.Monotonic()-quiet >= keepAlive:
			message = ": still here\n\n"
		}
		if message != "" {
			if _, err := fmt.Fprint(w, message); err != nil {
				return
			}
			if err := stream.Flush(); err != nil {
				return
			}
			sent, quiet = now, s.cfg.Clock.Monotonic()
		}
		if s.cfg.Clock.Sleep(r.Context(), s.cfg.EventInterval) != nil {
			return
		}
	}
}
