//determinism:realtime a page that is watched while something happens is served in real time

package live

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Event kinds that live.js understands; the data of each is what the same list of a run's
// page holds (times in seconds as t or from).
const (
	Now      = "now"      // {t}
	Nodes    = "nodes"    // names
	Health   = "health"   // {from, status}
	Counts   = "counts"   // {t, v}: copies per node
	Shards   = "shards"   // {t, i, s, c}: all copies of a shard
	Members  = "members"  // {t, m, n}
	Fault    = "fault"    // {from, label}
	Healed   = "healed"   // {t, label}
	Plan     = "plan"     // what GET /plan of a served cluster answers
	Decision = "decision" // {t, a}
	Log      = "log"      // {t, text}
)

const (
	// mostKept bounds what is told to late comers, besides what still holds, and how far a slow
	// reader may fall behind.
	mostKept = 20_000
	// beat is how often a silent stream says that it is still there.
	beat = 10 * time.Second
	// slack is how many more than are kept may gather before the oldest are dropped together.
	slack = 1000
)

// event is one that was published.
type event struct {
	kind, data string
	// of names what the event is the state of; "": nothing that lasts.
	of string
}

// Stream is the source of a live page. It may be published to and read by many at once.
type Stream struct {
	begin string // JSON of what every reader starts from

	mu      sync.Mutex
	first   int // number of the oldest event kept
	events  []event
	holds   []event // of those dropped, the last about each thing
	ended   bool
	changed chan struct{} // closed and replaced when something came
}

// NewStream makes a stream whose readers begin with this data (nodes, groups, …).
func NewStream(begin any) (*Stream, error) {
	text, err := json.Marshal(begin)
	if err != nil {
		return nil, fmt.Errorf("live page: %w", err)
	}
	return &Stream{begin: string(text), changed: make(chan struct{})}, nil
}

// Publish tells every reader of an event.
func (s *Stream) Publish(kind string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("live page: event %s: %w", kind, err)
	}
	s.add(event{kind: kind, data: string(text)})
	return nil
}

// PublishState is Publish of how something is from now on. Of each thing the last that was
// told is kept for late comers, however long ago it was.
func (s *Stream) PublishState(kind, of string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("live page: event %s: %w", kind, err)
	}
	s.add(event{kind, string(text), kind + " " + of})
	return nil
}

// End tells every reader that nothing more comes.
func (s *Stream) End() {
	s.add(event{kind: "end", data: "{}"})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
}

func (s *Stream) add(e event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
	if len(s.events) > mostKept+slack {
		drop := len(s.events) - mostKept
		s.fold(s.events[:drop])
		s.events = append([]event(nil), s.events[drop:]...)
		s.first += drop
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// fold keeps, of events that are dropped, the last about each thing, in their order.
func (s *Stream) fold(dropped []event) {
	all := append(s.holds, dropped...)
	latest := map[string]int{}
	for i, e := range all {
		latest[e.of] = i
	}
	s.holds = nil
	for i, e := range all {
		if e.of != "" && latest[e.of] == i {
			s.holds = append(s.holds, e)
		}
	}
}

// since returns the events from number n on (where those have been dropped, after what holds
// of them), the number of the next one, whether some before
// have been dropped, and what is closed when more come.
func (s *Stream) since(n int) (events []event, next int, lost, ended bool, more <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lost = n < s.first
	n = max(n, s.first)
	if lost {
		return append(append([]event(nil), s.holds...), s.events...), s.first + len(s.events), lost, s.ended, s.changed
	}
	return s.events[n-s.first:], s.first + len(s.events), lost, s.ended, s.changed
}

// ServeHTTP streams the events until the reader goes or the stream has ended.
func (s *Stream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	flush, ok := w.(http.Flusher)
	if !ok {
		http.Error(w, "this connection can't stream", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	send := func(e event) error {
		_, err := fmt.Fprintf(w, "event: %s\ndata: %s\n\n", e.kind, e.data)
		return err
	}
	if send(event{kind: "begin", data: s.begin}) != nil {
		return
	}
	still := time.NewTicker(beat)
	defer still.Stop()
	for n := 0; ; {
		events, next, lost, ended, more := s.since(n)
		if lost && n > 0 { // too slow: begin anew with what is kept
			if send(event{kind: "begin", data: s.begin}) != nil {
				return
			}
		}
		for _, e := range events {
			if send(e) != nil {
				return
			}
		}
		n = next
		flush.Flush()
		if ended {
			return
		}
		select {
		case <-more:
		case <-still.C:
			if _, err := fmt.Fprint(w, ": still here\n\n"); err != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}
