package sim

import (
	"errors"
	"fmt"
	"math"
	"time"
)

var (
	// ErrReset is what a sender learns when its connection is reset.
	ErrReset = errors.New("connection reset by peer")
	// ErrRefused is what a sender learns when nobody listens at the other end.
	ErrRefused = errors.New("connection refused")
	// ErrUnknownEndpoint is returned for names that were never added.
	ErrUnknownEndpoint = errors.New("unknown endpoint")
)

// CutMode is how a directed link is interrupted.
type CutMode uint8

const (
	// Open is a link that isn't cut.
	Open CutMode = iota
	// Reset closes connections; senders learn of it at once.
	Reset
	// Blackhole loses what is sent; nobody learns of it until it is mended, when
	// connections that were open are closed.
	Blackhole
)

// String is the mode's name in scenario files.
func (m CutMode) String() string {
	switch m {
	case Open:
		return "open"
	case Reset:
		return "reset"
	case Blackhole:
		return "blackhole"
	}
	return fmt.Sprintf("CutMode(%d)", uint8(m))
}

// EndpointSpec describes an endpoint of a network.
type EndpointSpec struct {
	// Bandwidth of its network card in bytes per second, each direction; 0 is
	// unlimited.
	Bandwidth int64
	// Latency is the delay between the endpoint and the middle of the network: a
	// link's latency is the sum of those of its ends.
	Latency time.Duration
}

// Shape is what a fault does to a directed link that stays open.
type Shape struct {
	// Latency is added to the link's own.
	Latency time.Duration
	// Bandwidth in bytes per second; 0 leaves it alone.
	Bandwidth int64
	// PerConnection makes Bandwidth hold for each transfer (as Toxiproxy does)
	// instead of for the link.
	PerConnection bool
}

// Closed tells that the connections of At with Peer were closed, as At learns it.
type Closed struct {
	At, Peer string
	Err      error
}

// Network is endpoints, each with a network card, and a directed link for each
// ordered pair of them. Messages on a link arrive in the order in which they were
// sent. A cut A→B stops what A sends to B; what B sends to A still arrives, as long
// as it needs no answer.
type Network struct {
	e     *Engine
	fluid *Fluid

	ends  []*Endpoint
	named map[string]*Endpoint
	links map[uint64]*link

	messages []message
	freeMsg  []uint32
	deliver  Kind
	refuse   Kind

	onCut    []func(from, to string, mode CutMode)
	onMend   []func(from, to string, mode CutMode)
	onClosed []func(Closed)
}

// Endpoint is a participant of a network.
type Endpoint struct {
	name string
	id   uint32
	spec EndpointSpec
	down bool
	life uint32 // counts how often it was disconnected

	// In and Out are the directions of its network card.
	In, Out *Resource

	links []*link // that begin or end here, in order of their making
}

// link is one direction between two endpoints.
type link struct {
	n        *Network
	from, to *Endpoint
	cuts     []*CutHandle
	shapes   []*ShapeHandle
	shaped   *Resource // made with the first transfer
	latency  time.Duration
	limit    int64 // bytes per second, from shapes per link; 0 is none
	perConn  int64 // bytes per second, from shapes per connection; 0 is none
	freeAt   Time  // when what was sent before has left a shaped link
	lastAt   Time  // when the last message arrives
	inFlight []uint32
	head     int // of inFlight
	moving   []*Transfer
}

// NewNetwork makes a network without endpoints. Bulk transfers are flows on f.
func (e *Engine) NewNetwork(f *Fluid) *Network {
	n := &Network{e: e, fluid: f, named: make(map[string]*Endpoint), links: make(map[uint64]*link)}
	n.deliver = e.Register("net.deliver", n.arrive)
	n.refuse = e.Register("net.refuse", n.giveBack)
	for _, k := range [...]Kind{n.deliver, n.refuse} {
		e.Describe(k, func(arg uint32) string {
			l := n.messages[arg].link
			return l.from.name + ">" + l.to.name
		})
	}
	return n
}

// Fluid is what the network's transfers flow on.
func (n *Network) Fluid() *Fluid { return n.fluid }

// AddEndpoint adds an endpoint. The name must be new.
func (n *Network) AddEndpoint(name string, spec EndpointSpec) *Endpoint {
	if _, ok := n.named[name]; ok {
		panic("sim: endpoint " + name + " was added before")
	}
	p := &Endpoint{
		name: name, id: uint32(len(n.ends)), spec: spec,
		In:  n.fluid.Resource(name+"/in", spec.Bandwidth),
		Out: n.fluid.Resource(name+"/out", spec.Bandwidth),
	}
	n.ends = append(n.ends, p)
	n.named[name] = p
	return p
}

// Endpoint is the endpoint of that name, or nil.
func (n *Network) Endpoint(name string) *Endpoint { return n.named[name] }

// Endpoints are the names of all endpoints, in the order in which they were added.
func (n *Network) Endpoints() []string {
	names := make([]string, len(n.ends))
	for i, p := range n.ends {
		names[i] = p.name
	}
	return names
}

// Name is the endpoint's name.
func (p *Endpoint) Name() string { return p.name }

// Down reports whether the endpoint is disconnected.
func (p *Endpoint) Down() bool { return p.down }

func (n *Network) link(from, to string) (*link, error) {
	a, ok := n.named[from]
	if !ok {
		return nil, fmt.Errorf("sim: network: %q: %w", from, ErrUnknownEndpoint)
	}
	b, ok := n.named[to]
	if !ok {
		return nil, fmt.Errorf("sim: network: %q: %w", to, ErrUnknownEndpoint)
	}
	return n.between(a, b), nil
}

func (n *Network) between(a, b *Endpoint) *link {
	key := uint64(a.id)<<32 | uint64(b.id)
	if l, ok := n.links[key]; ok {
		return l
	}
	l := &link{n: n, from: a, to: b}
	l.reshape()
	n.links[key] = l
	a.links = append(a.links, l)
	if a != b {
		b.links = append(b.links, l)
	}
	return l
}

// must is link for faults, whose endpoints were checked before.
func (n *Network) must(from, to string) *link {
	l, err := n.link(from, to)
	if err != nil {
		panic(err)
	}
	return l
}

func (l *link) local() bool { return l.from == l.to }

func (l *link) mode() CutMode {
	if len(l.cuts) == 0 {
		return Open
	}
	return l.cuts[len(l.cuts)-1].mode
}

// reshape computes the link's latency and limits.
func (l *link) reshape() {
	l.latency, l.limit, l.perConn = 0, 0, 0
	if !l.local() {
		l.latency = l.from.spec.Latency + l.to.spec.Latency
	}
	for _, s := range l.shapes {
		l.latency += s.shape.Latency
		if s.shape.PerConnection {
			l.perConn = tighter(l.perConn, s.shape.Bandwidth)
		} else {
			l.limit = tighter(l.limit, s.shape.Bandwidth)
		}
	}
	if l.shaped != nil {
		l.shaped.SetCapacity(l.limit)
	}
	for _, t := range l.moving {
		t.flow.SetCap(tighter(t.cap, l.perConn))
	}
}

// tighter is the smaller of two limits of which 0 is none.
func tighter(a, b int64) int64 {
	if a == 0 || (b > 0 && b < a) {
		return b
	}
	return a
}

// transmission is how long bytes take at a rate; 0 is unlimited.
func transmission(bytes, rate int64) time.Duration {
	if rate <= 0 || bytes <= 0 {
		return 0
	}
	if bytes > math.MaxInt64/int64(time.Second) {
		return time.Duration(bytes / rate * int64(time.Second))
	}
	return time.Duration((bytes*int64(time.Second) + rate - 1) / rate)
}

// Latency is the current one-way delay from one endpoint to another.
func (n *Network) Latency(from, to string) (time.Duration, error) {
	l, err := n.link(from, to)
	if err != nil {
		return 0, err
	}
	return l.latency, nil
}

// Reachable is how the link is cut, or Open.
func (n *Network) Reachable(from, to string) CutMode { return n.must(from, to).mode() }

// Connected reports whether the endpoint is there (not disconnected).
func (n *Network) Connected(name string) bool {
	p, ok := n.named[name]
	return ok && !p.down
}
