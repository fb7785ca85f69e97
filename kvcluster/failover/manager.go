package failover

import (
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// RepeatAfter is after which a command that had no effect is given again.
const RepeatAfter = time.Second

// node is what a Manager knows of a node.
type node struct {
	since  time.Duration // heard of last, or first known
	heard  bool
	row    uint64 // heartbeats in a row
	full   bool   // its disk has no room
	note   string // what it wants known
	down   bool
	wellAt time.Duration // it was not given up then
	copies map[shardmap.ID]wire.CopyReport
}

// shard is what a Manager knows of a shard.
type shard struct {
	bad       bool
	badSince  time.Duration // no primary has acted since then
	under     *wire.Failover
	decidedAt time.Duration     // when the failover under way began
	triedAt   time.Duration     // when a copy was promoted last
	inSync    []shardmap.NodeID // as the last acting primary said
}

// Manager is the failover manager of one member of the metadata group. It is not safe
// for use by several processes at once.
type Manager struct {
	cfg    Config
	nodes  map[shardmap.NodeID]*node
	shards map[shardmap.ID]*shard
	done   bool // some failover was completed
	// The last commands, when and on which revision they were given.
	gave    bool
	gaveAt  time.Duration
	gaveRev uint64
	placed  uint64 // the sign of what needed no other places
	// When the measurements were looked at, and whether to do it at once.
	balancedAt time.Duration
	forced     bool

	now       time.Duration
	state     meta.State
	set       wire.Settings
	primaries map[shardmap.NodeID]int
	out       []wire.Command
}

// Config configures a Manager.
type Config struct {
	// Wall is the time of day, for the history; nil leaves it out. Nothing depends on it.
	Wall func() time.Time
	Mutation
}

// New makes a manager that has heard of nobody yet.
func New(cfg Config) *Manager {
	return &Manager{cfg: cfg, nodes: make(map[shardmap.NodeID]*node), shards: make(map[shardmap.ID]*shard)}
}

// Heard notes a node's heartbeat, or a report between heartbeats.
func (m *Manager) Heard(now time.Duration, h *wire.Heartbeat) {
	n := m.nodes[h.From]
	if n == nil {
		n = &node{since: now}
		m.nodes[h.From] = n
	}
	if h.Reply {
		switch gap := now - n.since; {
		case !n.heard || m.set.Heartbeat > 0 && gap > m.set.Heartbeat+Slack(&m.set):
			n.row = 1
		default:
			n.row++
		}
		n.since, n.heard, n.full, n.note = now, true, h.Full, h.Note
		n.copies = nil
	}
	if n.copies == nil {
		n.copies = make(map[shardmap.ID]wire.CopyReport)
	}
	for _, c := range h.Copies {
		n.copies[c.Shard] = c
	}
}

// missed is how many heartbeats of a node haven't come.
func (m *Manager) missed(n *node) uint64 {
	late := m.now - n.since - Slack(&m.set)
	if late < m.set.Heartbeat {
		return 0
	}
	return uint64(late / m.set.Heartbeat)
}

// Observe takes in the state of the metadata. Every member does it now and then, so
// that it knows since when a node is silent should it become leader.
func (m *Manager) Observe(now time.Duration, s meta.State) {
	m.now, m.state, m.set = now, s, s.Settings()
	for i := range s.Members() {
		member := &s.Members()[i]
		n := m.nodes[member.ID]
		switch {
		case member.State == wire.Removed:
			delete(m.nodes, member.ID)
			continue
		case n == nil:
			n = &node{since: now}
			m.nodes[member.ID] = n
		}
		if n.down = member.Down; !n.down {
			n.wellAt = now
		}
	}
	m.primaries = make(map[shardmap.NodeID]int)
	for i := range s.Map().Len() {
		sh := s.Map().At(i)
		m.primaries[sh.Primary]++
		if m.shards[sh.ID] == nil {
			m.shards[sh.ID] = &shard{badSince: now}
		}
		m.observe(sh, m.shards[sh.ID])
	}
	for _, id := range m.known() {
		if s.Map().Get(id) == nil {
			delete(m.shards, id)
		}
	}
}

func (m *Manager) known() []shardmap.ID {
	ids := make([]shardmap.ID, 0, len(m.shards))
	for id := range m.shards {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// observe notes since when a shard is unavailable.
func (m *Manager) observe(s *shardmap.Shard, x *shard) {
	r, ok := m.report(s.Primary, s.ID)
	acts := ok && r.Acting && r.Promised == s.Epoch
	if acts {
		x.inSync = r.InSync
	}
	if acts && len(r.InSync) > len(s.Replicas)/2 {
		x.bad = false
		return
	}
	if !x.bad {
		x.bad, x.badSince = true, m.now
	}
}

// report is what a node that is there said last of its copy of a shard.
func (m *Manager) report(id shardmap.NodeID, s shardmap.ID) (wire.CopyReport, bool) {
	n := m.nodes[id]
	if !m.up(id) {
		return wire.CopyReport{}, false
	}
	r, ok := n.copies[s]
	return r, ok
}

// Rebalance lets the next Decide look at the measurements, whether it is time or not.
func (m *Manager) Rebalance() { m.forced = true }

// Decide is what the leader of the metadata group has to do about the state, now. It
// repeats itself if nothing comes of it.
func (m *Manager) Decide(now time.Duration, s meta.State) []wire.Command {
	m.Observe(now, s)
	m.out = nil
	if m.gave && m.gaveRev == s.Revision() && now-m.gaveAt < RepeatAfter {
		return nil // let the last commands take effect
	}
	m.judgeNodes()
	for i := range s.Map().Len() {
		m.recover(s.Map().At(i))
	}
	if len(m.out) == 0 {
		m.vacate()
	}
	if len(m.out) == 0 {
		m.place()
	}
	if len(m.out) == 0 {
		m.balance()
	}
	m.gave, m.gaveAt, m.gaveRev = len(m.out) > 0, now, s.Revision()
	return m.out
}

func (m *Manager) command(c wire.Command) { m.out = append(m.out, c) }

// judgeNodes gives nodes up, takes them back, and lets those go that are to leave.
func (m *Manager) judgeNodes() {
	for i := range m.state.Members() {
		member := &m.state.Members()[i]
		n := m.nodes[member.ID]
		if n == nil {
			continue // removed
		}
		missed := m.missed(n)
		switch {
		case !member.Down && missed >= m.threshold():
			m.command(wire.Command{Kind: wire.MarkDown, Node: member.ID})
		case member.Down && missed == 0 && n.row >= m.set.RecoveryThreshold:
			m.command(wire.Command{Kind: wire.MarkUp, Node: member.ID})
		case member.Down && m.replaced(member) && (member.State == wire.Active || member.State == wire.Draining):
			m.command(wire.Command{Kind: wire.SetNodeState, Node: member.ID, State: wire.Leaving})
		case member.State == wire.Leaving && member.Role == wire.NoVoter && !m.state.Uses(member.ID):
			m.command(wire.Command{Kind: wire.SetNodeState, Node: member.ID, State: wire.Removed})
		}
	}
}

// replaced reports whether the machine of a node that was given up has come with another
// disk, and that one is well: then this one doesn't come back.
func (m *Manager) replaced(n *wire.Member) bool {
	for i := range m.state.Members() {
		if other := &m.state.Members()[i]; other.Name == n.Name && other.Number > n.Number && m.up(other.ID) {
			return true
		}
	}
	return false
}

func (m *Manager) threshold() uint64 {
	if m.cfg.is(LateDetection) {
		return m.set.FailureThreshold * 10
	}
	return m.set.FailureThreshold
}

// up reports whether a node is there, as far as is known now.
func (m *Manager) up(id shardmap.NodeID) bool {
	member, n := m.state.Member(id), m.nodes[id]
	return member != nil && n != nil && n.heard && !member.Down && member.State != wire.Removed && m.missed(n) < m.set.FailureThreshold
}

// recover sees to it that a shard has an acting primary.
func (m *Manager) recover(s *shardmap.Shard) {
	x := m.shards[s.ID]
	r, known := m.report(s.Primary, s.ID)
	if m.cfg.is(SettleEarly) && !s.Settled() {
		m.command(wire.Command{Kind: wire.Activated, Shard: s.ID, Epoch: s.Epoch})
	}
	if known && r.Promised == s.Epoch && r.Activated {
		m.completed(s, x)
		if !x.bad {
			return
		}
	}
	if known && r.NeedEpoch && r.Epoch == s.Epoch {
		m.command(wire.Command{Kind: wire.SetPrimary, Shard: s.ID, Node: s.Primary, IfEpoch: s.Epoch})
		return
	}
	if m.set.ManualFailover {
		return
	}
	member := m.state.Member(s.Primary)
	switch {
	case member == nil || member.Down || member.State == wire.Removed:
		why := "it has no primary"
		if member != nil {
			why = fmt.Sprintf("%s is down", member.ID)
		}
		m.promote(s, x, why, m.silence(s.Primary))
	case m.up(s.Primary) && x.bad && m.now-x.badSince >= Silence(&m.set) && m.now-x.triedAt >= Silence(&m.set):
		m.promote(s, x, fmt.Sprintf("%s can't act", s.Primary), m.now-x.badSince)
	}
}

func (m *Manager) silence(id shardmap.NodeID) time.Duration {
	if n := m.nodes[id]; n != nil {
		return m.now - n.since
	}
	return 0
}

// completed notes that the primary of a shard acts in the present epoch.
func (m *Manager) completed(s *shardmap.Shard, x *shard) {
	if !s.Settled() {
		m.command(wire.Command{Kind: wire.Activated, Shard: s.ID, Epoch: s.Epoch})
	}
	if x.under == nil {
		return
	}
	f := *x.under
	f.To, f.Epoch, f.Took = s.Primary, s.Epoch, m.now-x.decidedAt
	if m.cfg.Wall != nil {
		f.Wall = m.cfg.Wall().UTC()
	}
	x.under, m.done = nil, true
	m.command(wire.Command{Kind: wire.RecordFailover, Failover: &f})
}

// promote makes another copy primary, if there are enough of them for it to act, or can
// be made.
func (m *Manager) promote(s *shardmap.Shard, x *shard, why string, silent time.Duration) {
	best := m.candidate(s, x)
	var next []shardmap.NodeID
	if best == "" {
		if next = m.rescued(s); next == nil {
			return
		}
	}
	if x.under == nil {
		x.under = &wire.Failover{Shard: s.ID, From: s.Primary, Silent: silent, Why: why}
		x.decidedAt = m.now
	}
	x.triedAt = m.now
	if best == "" {
		m.command(wire.Command{Kind: wire.SetReplicas, Shard: s.ID, Nodes: next, IfEpoch: s.Epoch})
		return
	}
	m.command(wire.Command{Kind: wire.SetPrimary, Shard: s.ID, Node: best, IfEpoch: s.Epoch})
}

// candidate is the copy to promote, or "" if none could act.
func (m *Manager) candidate(s *shardmap.Shard, x *shard) shardmap.NodeID {
	var best shardmap.NodeID
	var bestRank rank
	alive := 0
	for _, id := range s.Replicas {
		if !m.up(id) {
			continue
		}
		alive++
		if r := m.rank(s, x, id); best == "" || r.above(bestRank) {
			best, bestRank = id, r
		}
	}
	if alive <= len(s.Replicas)/2 {
		return ""
	}
	return best
}

// rank orders copies by how soon they could act as primary.
type rank struct {
	other, room, open    bool
	inSync               bool
	lastEpoch, lastIndex uint64
	primaries            int
}

func (m *Manager) rank(s *shardmap.Shard, x *shard, id shardmap.NodeID) rank {
	r, _ := m.report(id, s.ID)
	k := rank{other: id != s.Primary, room: !m.nodes[id].full, open: m.state.Member(id).State == wire.Active, inSync: slices.Contains(x.inSync, id),
		lastEpoch: r.LastEpoch, lastIndex: r.LastIndex, primaries: m.primaries[id]}
	return k
}

func (a rank) above(b rank) bool {
	switch {
	case a.other != b.other:
		return a.other
	case a.room != b.room:
		return a.room
	case a.inSync != b.inSync:
		return a.inSync
	case a.open != b.open:
		return a.open
	case a.lastEpoch != b.lastEpoch:
		return a.lastEpoch > b.lastEpoch
	case a.lastIndex != b.lastIndex:
		return a.lastIndex > b.lastIndex
	}
	return a.primaries < b.primaries
}
