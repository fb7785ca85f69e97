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
	Policy     string                                  `json:"policy"`
	Ready      bool                                    `json:"ready"`
	Statuses   map[string]controller.ReplicationStatus `json:"statuses"`
	Nodes      []controller.NodeMetrics                `json:"nodes"`
	Cluster    controller.ClusterHealth                `json:"cluster"`
	Recoveries []controller.RecoveryProgress           `json:"recoveries"`
	Decisions  []controller.Decision                   `json:"decisions"`
	Faults     []recovery.Fault                        `json:"faults"`
	// Consistency is the verdict of the last check, by index.
	Consistency map[string]consistency.Verdict `json:"consistency"`
}

// keepAlive is how often something is sent when nothing has changed, so that both
// ends notice a dead connection.
const keepAlive = 15 * time.Second

func (s *Server) snapshot() snapshot {
	const shown = 20
	c := s.cfg.Controller
	metrics, _ := c.Monitor().GetMetrics()
	out := snapshot{
		Policy: c.PolicyName(), Ready: c.Ready(), Statuses: c.Monitor().GetAllReplicationStatuses(),
		Nodes: some(metrics.Nodes), Cluster: metrics.Cluster,
		Recoveries: some(c.Monitor().GetRecoveries()), Decisions: some(newest(c.Decisions(), shown)),
		Faults: []recovery.Fault{}, Consistency: map[string]consistency.Verdict{},
	}
	if s.cfg.Recovery != nil {
		out.Faults = some(s.cfg.Recovery.Faults())
	}
	if s.cfg.Consistency != nil {
		reports := s.cfg.Consistency.Reports()
		for _, name := range slices.Sorted(maps.Keys(reports)) {
			out.Consistency[name] = reports[name].Verdict
		}
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
