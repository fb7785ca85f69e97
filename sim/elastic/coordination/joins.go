package coordination

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/state"
)

// connectTimeout is transport.connect_timeout.
const connectTimeout = 30 * time.Second

// joins is what a node knows of joining: its own attempts, and as a candidate the
// nodes that want to join it (JoinHelper).
type joins struct {
	pending map[outgoing]bool
	waiting []joiner // of a candidate, in order of arrival
}

// outgoing is a join request under way.
type outgoing struct {
	to   string // ephemeral id
	term int64
	vote bool
}

// joiner is a node that wants to join, and where the outcome goes.
type joiner struct {
	node  *state.Node
	reply func(error)
}

// sendJoin asks a master, or a candidate, to take this node in. It waits until the
// node has nothing left to apply, so that it is not taken in while it lags.
func (c *Coordinator) sendJoin(to *state.Node, vote *joinVote) {
	term := c.consensus.term
	key := outgoing{to.EphemeralID, term, vote != nil}
	if c.joins.pending[key] {
		return
	}
	c.joins.pending[key] = true
	ended := func() {
		delete(c.joins.pending, key)
		if c.mode == Candidate {
			c.cfg.Board.answersChanged(c) // a leader's check is refused again
		}
	}
	failed := func(err error) {
		ended()
		c.log("failed to join %s: %v", to.Name, err)
	}
	c.connect(to.ID, connectTimeout, func(_ *state.Node, err error) {
		if err != nil {
			failed(err)
			return
		}
		c.applier.whenIdle(func() {
			c.ask(to.ID, joinRequest, &joinBody{c.node, term, vote}, 0, func(_ any, err error) {
				if err != nil {
					failed(err)
					return
				}
				ended()
			})
		})
	})
}

// onStartJoin votes for a candidate and joins it.
func (c *Coordinator) onStartJoin(b *startJoinBody, reply func(any, error)) {
	vote, err := c.joinLeader(b.candidate, b.term)
	if err != nil {
		reply(nil, err)
		return
	}
	c.after(c.cfg.Costs.Term, func() {
		c.sendJoin(b.candidate, vote)
		reply(nil, nil)
	})
}

// onJoin takes a node in: it connects back, makes sure that the node is well and can
// live with the cluster's state, and counts its vote.
func (c *Coordinator) onJoin(b *joinBody, reply func(any, error)) {
	done := func(err error) { reply(nil, err) }
	if c.singleNode && !same(b.from, c.node) {
		done(fmt.Errorf("cannot join node with [discovery.type] set to [single-node] discovery"))
		return
	}
	c.connect(b.from.ID, connectTimeout, func(n *state.Node, err error) {
		if err != nil || !same(n, b.from) {
			done(errDisconnected)
			return
		}
		c.validate(b.from, func(err error) {
			if err != nil {
				done(err)
				return
			}
			c.processJoin(b, done)
		})
	})
}

// validate sends the joining node the cluster's state, if there is one, and a ping.
func (c *Coordinator) validate(n *state.Node, done func(error)) {
	left, failure := 1, error(nil)
	finish := func(_ any, err error) {
		if failure == nil {
			failure = err
		}
		if left--; left == 0 {
			done(failure)
		}
	}
	if c.established() {
		st := c.consensus.accepted
		if err := versionBarrier(n, st); err != nil {
			done(err)
			return
		}
		left++
		m := c.newRequest(n.ID, joinValidate, &validateBody{st}, 0, finish)
		m.bytes = stateBytes(st)
		c.post(n.ID, m, c.failer(m))
	}
	c.ask(n.ID, joinPing, nil, 0, finish)
}

// versionBarrier refuses a node that is older than every node of a cluster that has
// recovered, so that a cluster that was upgraded stays so (NodeJoinExecutor).
func versionBarrier(n *state.Node, st *state.State) error {
	if HasBlock(st, NotRecoveredBlockID) {
		return nil
	}
	oldest := st.Nodes[0].Release
	for _, o := range st.Nodes {
		if o.Release.Before(oldest) {
			oldest = o.Release
		}
	}
	if n.Release.Before(oldest) {
		return reject("node version [%s] may not join a cluster comprising only nodes of version [%s] or greater", n.Release, oldest)
	}
	return nil
}

// established reports whether the node leads and has published in its term.
func (c *Coordinator) established() bool {
	return c.mode == Leader && c.consensus.accepted.Term == c.consensus.term
}

// onValidate answers whether this node can be part of the cluster of a state.
func (c *Coordinator) onValidate(st *state.State) error {
	if own := c.consensus.accepted.ClusterUUID; c.consensus.committed && own != st.ClusterUUID {
		return reject("This node previously joined a cluster with UUID [%s] and is now trying to join a different cluster with UUID [%s].",
			own, st.ClusterUUID)
	}
	if c.cfg.Hooks.ValidateJoin != nil {
		return c.cfg.Hooks.ValidateJoin(st)
	}
	return nil
}

func (c *Coordinator) processJoin(b *joinBody, done func(error)) {
	c.heardOf(b.term)
	wonBefore := c.consensus.won && (b.vote == nil || b.vote.term <= c.consensus.term)
	if b.vote != nil {
		if err := c.countVote(b.vote); err != nil {
			done(err)
			return
		}
	}
	c.joins.add(c, joiner{b.from, done})
	if !wonBefore && c.consensus.won {
		c.becomeLeader()
	}
}

// countVote counts a vote for this node, in whose term it takes part itself.
func (c *Coordinator) countVote(v *joinVote) error {
	own, err := c.ensureTerm(c.node, v.term)
	if err != nil {
		return err
	}
	if own != nil {
		if err := c.countVote(own); err != nil {
			return err
		}
	}
	if !c.consensus.won {
		_, err := c.consensus.join(v)
		return err
	}
	// Once the election is won a vote matters to the voting configuration only.
	if added, err := c.consensus.join(v); err == nil && added && c.established() && c.publication == nil {
		c.reconfigureIfNeeded()
	}
	return nil
}

// add takes a joiner as the node's mode demands.
func (j *joins) add(c *Coordinator, n joiner) {
	switch c.mode {
	case Leader:
		c.submitJoins(&joinTask{nodes: []joiner{n}, term: c.consensus.term})
	case Follower:
		n.reply(reject("join target is a follower"))
	case Candidate:
		for i, o := range j.waiting {
			if same(o.node, n.node) {
				j.waiting[i] = n
				o.reply(reject("received a newer join from %s", n.node.Name))
				return
			}
		}
		j.waiting = append(j.waiting, n)
	}
}

// reset is called when the mode has changed.
func (j *joins) reset(c *Coordinator) {
	waiting := j.waiting
	j.waiting = nil
	switch c.mode {
	case Leader:
		c.submitJoins(&joinTask{nodes: waiting, term: c.consensus.term, becoming: true})
	case Follower:
		for _, n := range waiting {
			n.reply(reject("became follower"))
		}
	case Candidate:
	}
}

// joinTask is nodes to be taken in by one update; when becoming it also makes the
// leader the master (JoinTask).
type joinTask struct {
	nodes    []joiner
	term     int64
	becoming bool
}

func (t *joinTask) source() string {
	if !t.becoming {
		return fmt.Sprintf("node-join[%s joining]", t.nodes[0].node.Name)
	}
	var s strings.Builder
	fmt.Fprintf(&s, "elected-as-master ([%d] nodes joined in term %d)[_FINISH_ELECTION_", len(t.nodes), t.term)
	for _, n := range t.nodes {
		s.WriteString(", " + n.node.Name + " completing election")
	}
	return s.String() + "]"
}

func (t *joinTask) reply(err error) {
	for _, n := range t.nodes {
		n.reply(err)
	}
}

func (c *Coordinator) submitJoins(t *joinTask) {
	c.master.submit(&entry{
		Task: Task{
			Source: t.source(), Priority: Urgent, Batch: "node-join",
			Published: func(_, _ *state.State) { t.reply(nil) },
			Failed:    t.reply,
		},
		join: t, execute: c.executeJoins, anyNode: true,
	})
}

// membersChanged tells the hook which members a published state has more or fewer.
func (c *Coordinator) membersChanged(old, st *state.State) {
	if c.cfg.Hooks.NodesChanged == nil || slices.Equal(old.Nodes, st.Nodes) {
		return
	}
	joined, left := without(st.Nodes, old), without(old.Nodes, st)
	if len(joined)+len(left) > 0 {
		c.cfg.Hooks.NodesChanged(joined, left)
	}
}

// without is those nodes whose process is not a member of a state.
func without(nodes []*state.Node, st *state.State) []*state.Node {
	var out []*state.Node
	for _, n := range nodes {
		if !same(st.Node(n.ID), n) {
			out = append(out, n)
		}
	}
	return out
}

// executeJoins computes the state with the nodes of a batch of join tasks
// (NodeJoinExecutor). It returns a new state even if all are members already: to
// publish is what makes them follow.
func (c *Coordinator) executeJoins(base *state.State, batch []*entry) (*state.State, error) {
	term, becoming := int64(0), false
	for _, e := range batch {
		term = max(term, e.join.term)
		becoming = becoming || e.join.becoming
	}
	if base.Term > term {
		return nil, &NotMasterError{"node-join"}
	}
	var joined []*state.Node
	for _, e := range batch {
		if e.join.term < term {
			e.err = &NotMasterError{"node-join"}
			continue
		}
		for _, n := range e.join.nodes {
			joined = append(joined, n.node)
		}
	}
	var st *state.State
	switch {
	case base.Master == "" && becoming:
		st = c.becomeMaster(base, joined, term)
	case base.Master == c.node.ID:
		st = base.Clone()
	default:
		return nil, &NotMasterError{"node-join"}
	}
	var added []*state.Node
	for _, n := range joined {
		if !same(st.Node(n.ID), n) {
			st.Nodes = withNode(st.Nodes, n)
			excludeJoined(st, n)
			added = append(added, n)
		}
	}
	if len(added) > 0 && c.cfg.Hooks.NodesJoined != nil {
		st = c.cfg.Hooks.NodesJoined(st, added)
	}
	return st, nil
}

// becomeMaster is the state in which this node is the master of a term, without
// earlier processes of the nodes that join.
func (c *Coordinator) becomeMaster(base *state.State, joining []*state.Node, term int64) *state.State {
	st := base.Clone()
	var gone []*state.Node
	for _, n := range joining {
		if old := st.Node(n.ID); old != nil && !same(old, n) {
			gone = append(gone, old)
			st.Nodes = withoutNode(st.Nodes, n.ID)
		}
	}
	st.Master, st.Term = c.node.ID, term
	st.Global = withoutBlock(st.Global, NoMasterBlockID)
	if st.Node(c.node.ID) == nil {
		st.Nodes = withNode(st.Nodes, c.node)
	}
	if c.cfg.Hooks.NodesLeft != nil {
		st = c.cfg.Hooks.NodesLeft(st, gone, false, "removed dead nodes on election")
	}
	return st
}

// withNode is the nodes, by id, with one more, or with another process of one.
func withNode(nodes []*state.Node, n *state.Node) []*state.Node {
	out := make([]*state.Node, 0, len(nodes)+1)
	i := 0
	for ; i < len(nodes) && nodes[i].ID < n.ID; i++ {
		out = append(out, nodes[i])
	}
	out = append(out, n)
	if i < len(nodes) && nodes[i].ID == n.ID {
		i++
	}
	return append(out, nodes[i:]...)
}

func withoutNode(nodes []*state.Node, id string) []*state.Node {
	return slices.DeleteFunc(slices.Clone(nodes), func(n *state.Node) bool { return n.ID == id })
}

// removeNode takes a node out of the cluster.
func (c *Coordinator) removeNode(n *state.Node, why string) {
	if c.mode != Leader {
		return
	}
	c.master.submit(&entry{
		Task: Task{
			Source: fmt.Sprintf("node-left[%s reason: %s]", n.Name, why), Priority: Immediate, Batch: "node-left",
			Published: func(old, st *state.State) {
				if same(old.Node(n.ID), n) && !same(st.Node(n.ID), n) {
					c.log("node-left: [%s] with reason [%s]", n.Name, why)
				}
			},
		},
		leaving: n, reason: why, execute: c.executeLeaves,
	})
}

// executeLeaves computes the state without the nodes of a batch (NodeLeftExecutor).
func (c *Coordinator) executeLeaves(base *state.State, batch []*entry) (*state.State, error) {
	var gone []*state.Node
	var reasons []string
	nodes := base.Nodes
	for _, e := range batch {
		if n := e.leaving; same(base.Node(n.ID), n) && !slices.Contains(gone, base.Node(n.ID)) {
			gone = append(gone, base.Node(n.ID))
			nodes = withoutNode(nodes, n.ID)
			reasons = append(reasons, fmt.Sprintf("%s reason: %s", n.Name, e.reason))
		}
	}
	if len(gone) == 0 {
		return base, nil
	}
	st := base.Clone()
	st.Nodes = nodes
	if c.cfg.Hooks.NodesLeft != nil {
		st = c.cfg.Hooks.NodesLeft(st, gone, true, strings.Join(reasons, ", "))
	}
	return st, nil
}

// excludeJoined takes a node by its id that was excluded by its name before it joined
// (VotingConfigExclusion). The state is the caller's own.
func excludeJoined(st *state.State, n *state.Node) {
	if !slices.Contains(st.ExcludedNames, n.Name) {
		return
	}
	st.ExcludedNames = slices.DeleteFunc(slices.Clone(st.ExcludedNames), func(name string) bool { return name == n.Name })
	if n.HasRole("master") && !slices.Contains(st.Exclusions, n.ID) {
		st.Exclusions = append(slices.Clone(st.Exclusions), n.ID)
		slices.Sort(st.Exclusions)
	}
}
