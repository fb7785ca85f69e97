package coordination

import (
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// discovery finds master-eligible peers while the node is a candidate, by asking
// those it knows whom they know and who their master is (PeerFinder).
type discovery struct {
	c              *Coordinator
	interval       time.Duration
	requestTimeout time.Duration
	connectTimeout time.Duration

	active bool
	leader *state.Node // while not active
	known  []*state.Node
	peers  []*peer // in order of their first sight
	byID   map[string]*peer
	// reached caches found; nil: not known. Answers share it.
	reached []*state.Node
	// removals counts peers that were forgotten, after which known nodes are probed
	// anew.
	removals int
	wakes    int // counts activations, to end the timers of earlier ones
}

// peer is a node under examination.
type peer struct {
	id     string
	node   *state.Node // nil until connected
	asking bool
	// told is the list of nodes that the peer told of last, when removals was at.
	sent []*state.Node
	at   int
}

func newDiscovery(c *Coordinator) *discovery {
	return &discovery{
		c: c, byID: map[string]*peer{},
		interval:       settings.FindPeersInterval.Get(c.cfg.Settings),
		requestTimeout: settings.RequestPeersTimeout.Get(c.cfg.Settings),
		connectTimeout: settings.ProbeConnectTimeout.Get(c.cfg.Settings),
	}
}

// activate begins to look for peers, first among the members of the last accepted
// state.
func (d *discovery) activate(st *state.State) {
	d.active, d.leader, d.known = true, nil, st.Nodes
	d.wakes++
	d.wake(d.wakes)
	d.c.peersChanged()
}

// deactivate ends the search: the node follows a leader, or is it.
func (d *discovery) deactivate(leader *state.Node) {
	had := len(d.peers) > 0
	d.active, d.leader = false, leader
	d.retain(func(p *peer) bool { return p.node != nil })
	if had {
		d.c.peersChanged()
	}
}

// closePeers forgets the peers once a state of the leader is in force.
func (d *discovery) closePeers() {
	if !d.active {
		d.peers, d.reached = nil, nil
		d.removals++
		clear(d.byID)
	}
}

// wake asks all peers again, every interval.
func (d *discovery) wake(activation int) {
	if !d.active || activation != d.wakes {
		return
	}
	before := len(d.peers)
	d.retain(func(p *peer) bool { return p.node == nil || same(p.node, d.c.connected.to(p.id)) })
	removed := len(d.peers) < before
	for _, p := range d.peers {
		if p.node != nil && !p.asking {
			d.ask(p)
		}
	}
	for _, n := range d.known {
		if n.HasRole("master") {
			d.probe(n.ID)
		}
	}
	if !d.c.singleNode {
		for _, id := range d.c.env.Seeds() {
			d.probe(id)
		}
	}
	d.c.in(d.interval, "coordination.find_peers", func() { d.wake(activation) })
	if removed {
		d.c.peersChanged()
	}
}

// probe begins to examine a node unless it is under way already.
func (d *discovery) probe(id string) {
	if !d.active || d.c.singleNode || id == d.c.node.ID || d.byID[id] != nil {
		return
	}
	p := &peer{id: id}
	d.peers = append(d.peers, p)
	d.byID[id] = p
	d.c.connect(id, d.connectTimeout, func(n *state.Node, err error) {
		if !d.has(p) {
			return
		}
		if err != nil || !n.HasRole("master") {
			d.drop(p)
			return
		}
		p.node, d.reached = n, nil
		d.ask(p)
		if d.c.election.scheduler == nil { // one more does not undo a quorum
			d.c.peersChanged()
		}
	})
}

func (d *discovery) has(p *peer) bool { return d.active && d.byID[p.id] == p }

func (d *discovery) drop(p *peer) { d.retain(func(o *peer) bool { return o != p }) }

// retain forgets all other peers.
func (d *discovery) retain(which func(*peer) bool) {
	d.peers = slices.DeleteFunc(d.peers, func(p *peer) bool {
		if which(p) {
			return false
		}
		delete(d.byID, p.id)
		d.reached = nil
		d.removals++
		return true
	})
}

// found are the peers that were reached.
func (d *discovery) found() []*state.Node {
	if !d.active {
		return nil
	}
	if d.reached == nil {
		for _, p := range d.peers {
			if p.node != nil {
				d.reached = append(d.reached, p.node)
			}
		}
	}
	return slices.Clip(d.reached)
}

// learn examines the nodes that a peer knows, unless it has told of the same before.
func (d *discovery) learn(id string, known []*state.Node) {
	if p := d.byID[id]; p != nil {
		if p.at == d.removals && p.sent != nil && sameNodes(p.sent, known) {
			return
		}
		p.sent, p.at = known, d.removals
	}
	for _, n := range known {
		d.probe(n.ID)
	}
}

// ask asks a peer for its master and the peers it knows.
func (d *discovery) ask(p *peer) {
	p.asking = true
	body := &peersBody{d.c.node, d.found()}
	d.c.ask(p.id, peersRequest, body, d.requestTimeout, func(answer any, err error) {
		p.asking = false
		if err != nil || !d.has(p) {
			return
		}
		a := answer.(*peersAnswer)
		if a.master != nil {
			d.probe(a.master.ID)
		}
		d.learn(p.id, a.known)
		if same(a.master, p.node) {
			d.c.masterFound(p.node, a.term)
		}
	})
}

// onPeers answers a peer that asks, and examines it and those it knows.
func (d *discovery) onPeers(b *peersBody) *peersAnswer {
	if !d.active {
		return &peersAnswer{master: d.leader, term: d.c.consensus.term}
	}
	if b.from.HasRole("master") {
		d.probe(b.from.ID)
	}
	d.learn(b.from.ID, b.known)
	return &peersAnswer{known: d.found(), term: d.c.consensus.term}
}

// peersChanged starts the elections when enough peers are found to win one, and
// stops them when not (onFoundPeersUpdated).
func (c *Coordinator) peersChanged() {
	if c.mode == Candidate && c.bootstrapped() {
		v := votes{}
		v.add(c.node)
		for _, n := range c.discovery.found() {
			v.add(n)
		}
		if c.consensus.electionQuorum(v) {
			c.startScheduler()
		} else {
			c.election.closeRound()
			c.election.closeScheduler()
		}
	}
	c.bootstrap.peersFound()
}

// masterFound joins a node that says it is the master.
func (c *Coordinator) masterFound(master *state.Node, term int64) {
	if _, err := c.ensureTerm(master, term); err != nil {
		c.log("joining master node [%s]: %v", master.Name, err)
		return
	}
	c.sendJoin(master, c.voteFor(master, term))
}
