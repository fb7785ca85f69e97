package coordination

import (
	"fmt"
	"slices"

	"github.com/shardquake/shardquake/internal/planted"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// rejected is a request that the receiver refuses in its present state
// (CoordinationStateRejectedException).
type rejected struct{ reason string }

func (r *rejected) Error() string { return r.reason }

func reject(format string, args ...any) error { return &rejected{fmt.Sprintf(format, args...)} }

// votes are master-eligible nodes, by id.
type votes map[string]struct{}

func (v votes) add(n *state.Node) bool {
	if !n.HasRole("master") {
		return false
	}
	if _, ok := v[n.ID]; ok {
		return false
	}
	v[n.ID] = struct{}{}
	return true
}

func (v votes) has(id string) bool { _, ok := v[id]; return ok }

// quorum reports whether more than half of a voting configuration voted. An empty
// configuration has no quorum.
func (v votes) quorum(config []string) bool {
	n := 0
	for _, id := range config {
		if v.has(id) {
			n++
		}
	}
	if planted.Is(planted.MinorityElects) {
		return n > 0
	}
	return n*2 > len(config)
}

// tally counts votes for two configurations as they come in, so that a publication to a
// thousand voters does not count a thousand votes a thousand times.
type tally struct {
	voted   votes
	configs [2][]string
	members [2]votes
	count   [2]int
}

// reset begins a new count, for the configurations given.
func (t *tally) reset(configs ...[]string) {
	t.voted, t.count = votes{}, [2]int{}
	for i, config := range configs {
		if t.members[i] == nil || !slices.Equal(config, t.configs[i]) {
			t.configs[i], t.members[i] = config, votes{}
			for _, id := range config {
				t.members[i][id] = struct{}{}
			}
		}
	}
}

func (t *tally) add(n *state.Node) {
	if !t.voted.add(n) {
		return
	}
	for i := range t.members {
		if t.members[i].has(n.ID) {
			t.count[i]++
		}
	}
}

// quorum reports whether more than half of both configurations voted.
func (t *tally) quorum() bool {
	if planted.Is(planted.MinorityElects) || planted.Is(planted.MinorityCommits) {
		return t.count[0] > 0 && t.count[1] > 0
	}
	return t.count[0]*2 > len(t.configs[0]) && t.count[1]*2 > len(t.configs[1])
}

// joinVote is a node's vote for a candidate in a term (Join).
type joinVote struct {
	voter           *state.Node
	candidate       string // ephemeral id
	term            int64
	acceptedTerm    int64
	acceptedVersion int64
}

// consensus is the safe core (CoordinationState): what a node promised and accepted,
// and, while it leads, the votes it holds. Its methods refuse whatever could make two
// committed states diverge; when they are called is of no importance to safety.
type consensus struct {
	local   *state.Node
	persist func(Persisted) error

	// What survives the process.
	term      int64
	accepted  *state.State
	committed bool // cluster UUID is fixed

	// What does not.
	started          bool // joined a term since the process began
	won              bool
	joinVotes        votes
	publishVotes     tally
	publishedVersion int64
	publishedConfig  []string
}

// accept puts a state in the place of the accepted one, once it is on disk. Without
// disk nothing changes (PersistedState.setLastAcceptedState is the first to act).
func (k *consensus) accept(st *state.State) error {
	if err := k.persist(Persisted{Term: k.term, Accepted: st, Committed: k.committed}); err != nil {
		return err
	}
	k.accepted = st
	return nil
}

// electionQuorum reports whether votes win an election: a majority of both the last
// committed and the last accepted configuration.
func (k *consensus) electionQuorum(v votes) bool {
	return v.quorum(k.accepted.LastCommitted) && v.quorum(k.accepted.LastAccepted)
}

// publishQuorum reports whether votes commit the state being published.
func (k *consensus) publishQuorum(v votes) bool {
	return v.quorum(k.accepted.LastCommitted) && v.quorum(k.publishedConfig)
}

// setInitial gives a fresh node its first voting configuration.
func (k *consensus) setInitial(st *state.State) error {
	if len(k.accepted.LastAccepted) > 0 {
		return reject("initial state already set: last-accepted configuration now %v", k.accepted.LastAccepted)
	}
	return k.accept(st)
}

// startJoin moves to a higher term and votes for its candidate.
func (k *consensus) startJoin(candidate *state.Node, term int64) (*joinVote, error) {
	if term < k.term || term == k.term && !planted.Is(planted.VoteTwice) {
		return nil, reject("incoming term %d not greater than current term %d", term, k.term)
	}
	if err := k.persist(Persisted{Term: term, Accepted: k.accepted, Committed: k.committed}); err != nil {
		return nil, err
	}
	k.term = term
	k.publishedVersion, k.publishedConfig = 0, k.accepted.LastAccepted
	k.started, k.won = true, false
	k.joinVotes = votes{}
	return &joinVote{
		voter: k.local, candidate: candidate.EphemeralID, term: term,
		acceptedTerm: k.accepted.Term, acceptedVersion: k.accepted.Version,
	}, nil
}

// join counts a vote for the local node. It reports whether the vote is new.
func (k *consensus) join(j *joinVote) (bool, error) {
	switch at := k.accepted; {
	case j.candidate != k.local.EphemeralID:
		return false, reject("join is for another node")
	case j.term != k.term:
		return false, reject("incoming term %d does not match current term %d", j.term, k.term)
	case !k.started:
		return false, reject("ignored join as term has not been incremented yet after reboot")
	case planted.Is(planted.StaleMaster):
	case j.acceptedTerm > at.Term:
		return false, reject("incoming last accepted term %d of join higher than current last accepted term %d",
			j.acceptedTerm, at.Term)
	case j.acceptedTerm == at.Term && j.acceptedVersion > at.Version:
		return false, reject("incoming last accepted version %d of join higher than current last accepted version %d in term %d",
			j.acceptedVersion, at.Version, at.Term)
	case len(at.LastAccepted) == 0:
		return false, reject("rejecting join since this node has not received its initial configuration yet")
	}
	added := k.joinVotes.add(j.voter)
	before := k.won
	k.won = k.electionQuorum(k.joinVotes)
	if k.won && !before {
		k.publishedVersion = k.accepted.Version
	}
	return added, nil
}

// propose lets the leader publish a state.
func (k *consensus) propose(st *state.State) error {
	at := k.accepted
	switch {
	case !k.won:
		return reject("election not won")
	case k.publishedVersion != at.Version:
		return reject("cannot start publishing next value before accepting previous one")
	case st.Term != k.term:
		return reject("incoming term %d does not match current term %d", st.Term, k.term)
	case st.Version <= k.publishedVersion:
		return reject("incoming cluster state version %d lower or equal to last published version %d",
			st.Version, k.publishedVersion)
	case !slices.Equal(st.LastAccepted, at.LastAccepted) && !slices.Equal(at.LastCommitted, at.LastAccepted):
		return reject("only allow reconfiguration while not already reconfiguring")
	case !k.joinVotes.quorum(st.LastAccepted):
		return reject("only allow reconfiguration if joinVotes have quorum for new config")
	}
	k.publishedVersion, k.publishedConfig = st.Version, st.LastAccepted
	k.publishVotes.reset(at.LastCommitted, st.LastAccepted)
	return nil
}

// publish accepts a published state.
func (k *consensus) publish(st *state.State) error {
	if st.Term != k.term {
		return reject("incoming term %d does not match current term %d", st.Term, k.term)
	}
	if st.Term == k.accepted.Term && st.Version <= k.accepted.Version {
		return reject("incoming version %d lower or equal to current version %d", st.Version, k.accepted.Version)
	}
	return k.accept(st)
}

// published counts a node's acceptance of the state being published. It reports
// whether the state is committed by it.
func (k *consensus) published(by *state.Node, term, version int64) (bool, error) {
	switch {
	case !k.won:
		return false, reject("election not won")
	case term != k.term:
		return false, reject("incoming term %d does not match current term %d", term, k.term)
	case version != k.publishedVersion:
		return false, reject("incoming version %d does not match current version %d", version, k.publishedVersion)
	}
	k.publishVotes.add(by)
	return k.publishVotes.quorum(), nil
}

// commit marks the accepted state as committed.
func (k *consensus) commit(term, version int64) error {
	switch at := k.accepted; {
	case term != k.term:
		return reject("incoming term %d does not match current term %d", term, k.term)
	case term != at.Term:
		return reject("incoming term %d does not match last accepted term %d", term, at.Term)
	case version != at.Version:
		return reject("incoming version %d does not match current version %d", version, at.Version)
	}
	st := k.accepted
	if !slices.Equal(st.LastCommitted, st.LastAccepted) {
		st = st.Clone()
		st.LastCommitted = st.LastAccepted
	}
	if k.committed && st == k.accepted {
		return nil // nothing to write (PersistedState.markLastAcceptedStateAsCommitted)
	}
	if err := k.persist(Persisted{Term: k.term, Accepted: st, Committed: true}); err != nil {
		return err
	}
	k.committed, k.accepted = true, st
	return nil
}
