package node

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// founding is how a cluster comes about. All nodes that are to be in it are started alike. The
// first of them by name asks the others whether they belong to a cluster; each that
// doesn't agrees, once and for good, that this one may make it. When all have agreed, it
// does. A node that has come with an empty disk into a cluster that there is already hears
// so from the others, and until it has heard from all of them it makes none.
type founding struct {
	agreed  map[string]bool   // machines that have agreed to this one
	refused map[string]string // and what those said that haven't
	granted grant
	waiting string        // what was said last about what is waited for
	sayAt   time.Duration // when to say it
}

// grant is to whom this machine has agreed.
type grant struct {
	name  string
	nonce uint64
}

// grantKey is where it is written down, as a frame of wire.Found.
var grantKey = [2]byte{0, 'g'}

// sayAfter is after which a node says what it waits for.
const sayAfter = 2 * time.Second

func (n *Node) loadGrant() error {
	n.founding = founding{agreed: make(map[string]bool), refused: make(map[string]string)}
	var w wire.Found
	if found, err := n.loadFrame(grantKey[:], &w); err != nil || !found {
		return err
	}
	n.founding.granted = grant{w.Name, w.Nonce}
	return nil
}

// mayFound reports whether it is this node that makes the cluster, if there is none.
func (n *Node) mayFound() bool {
	if n.cfg.is(FoundAlone) {
		return n.cfg.Bootstrap
	}
	return n.cfg.Bootstrap && n.cfg.Lost == "" && !slices.ContainsFunc(n.cfg.Founders, func(name string) bool { return name < n.cfg.Name })
}

// agree writes down to whom this machine agrees. It is for good: only another disk of the same
// machine may come in the place of one.
func (n *Node) agree(g grant) bool {
	old := n.founding.granted
	if old == g {
		return true
	}
	if old.name != "" && old.name != g.name {
		return false
	}
	frame, err := wire.Append(nil, &wire.Found{Name: g.name, Nonce: g.nonce})
	if err != nil {
		n.fail(err)
		return false
	}
	var b storage.Batch
	b.Put(grantKey[:], frame)
	if err := n.eng.Apply(&b); err != nil {
		if !errors.Is(err, storage.ErrFull) {
			n.fail(err)
		}
		return false
	}
	n.founding.granted = g
	return true
}

// found asks those who haven't agreed yet, and makes the cluster when all have.
func (n *Node) found() {
	if !n.mayFound() || !n.agree(grant{n.cfg.Name, n.id.Nonce}) {
		return
	}
	var missing []string
	for _, name := range n.cfg.Founders {
		if !n.founding.agreed[name] {
			missing = append(missing, name)
			n.out.Messages = append(n.out.Messages, Envelope{Machine: name, M: &wire.Found{Name: n.cfg.Name, To: name, Nonce: n.id.Nonce}})
		}
	}
	if len(missing) == 0 || n.cfg.is(FoundAlone) {
		n.makeCluster()
	}
}

// makeCluster makes a cluster of this node, to be there when it is durable.
func (n *Node) makeCluster() {
	if err := n.bootstrap(); err != nil {
		n.fail(err)
		return
	}
	n.started = false // start writes it down
	n.fail(errors.Join(n.loadMemory(), n.openGroup()))
	n.event("founded", "", 0)
}

// onFound says whether there is a cluster, or to whom this machine agrees.
func (n *Node) onFound(m *wire.Found) {
	if m.To != n.cfg.Name || m.Name == n.cfg.Name {
		return
	}
	answer := &wire.MayFound{Name: n.cfg.Name, To: m.Name, Nonce: m.Nonce, Cluster: n.id.Cluster}
	if n.id.ID == "" {
		n.agree(grant{m.Name, m.Nonce})
		answer.Granted = n.founding.granted.name
	}
	n.afterSync(func() { n.out.Messages = append(n.out.Messages, Envelope{Machine: m.Name, M: answer}) })
}

// onMayFound takes the answer of a machine.
func (n *Node) onMayFound(m *wire.MayFound) {
	if n.id.ID != "" || m.To != n.cfg.Name || m.Nonce != n.id.Nonce || !slices.Contains(n.cfg.Founders, m.Name) {
		return
	}
	switch {
	case m.Cluster != 0:
		n.founding.refused[m.Name] = fmt.Sprintf("%s belongs to cluster %x, which this node joins", m.Name, m.Cluster)
	case m.Granted != n.cfg.Name:
		n.founding.refused[m.Name] = fmt.Sprintf("%s has agreed that %s makes the cluster", m.Name, m.Granted)
	default:
		delete(n.founding.refused, m.Name)
		if !n.founding.agreed[m.Name] {
			n.founding.agreed[m.Name] = true
			n.found()
		}
	}
}

// waits is what a node that belongs to no cluster waits for.
func (n *Node) waits() string {
	var parts []string
	if n.cfg.Lost != "" {
		parts = append(parts, "it has lost its disk: "+n.cfg.Lost)
	}
	if n.mayFound() {
		var silent []string
		for _, name := range n.cfg.Founders {
			switch why := n.founding.refused[name]; {
			case why != "":
				parts = append(parts, why)
			case !n.founding.agreed[name]:
				silent = append(silent, name)
			}
		}
		if len(silent) > 0 {
			parts = append(parts, "to make a new one it needs to hear from "+strings.Join(silent, ", ")+" that there is none")
		}
	}
	if len(parts) == 0 {
		return "the node has not joined a cluster yet"
	}
	return shorten("the node has not joined a cluster yet: " + strings.Join(parts, "; "))
}

// sayWaiting tells what the node waits for, once, when it has waited for a while.
func (n *Node) sayWaiting() {
	if n.founding.sayAt == 0 {
		n.founding.sayAt = n.now + sayAfter
	}
	if w := n.waits(); n.now >= n.founding.sayAt && w != n.founding.waiting {
		n.founding.waiting = w
		n.tellEvent(Event{What: "waiting", Detail: w})
	}
}

// newCluster is the first state of a cluster that this node makes.
func (n *Node) newCluster() (meta.State, error) {
	member := wire.Member{Name: n.cfg.Name, Nonce: n.id.Nonce, Zone: n.cfg.Zone, Weight: n.cfg.Weight}
	settings := n.cfg.Settings
	if settings == (wire.Settings{}) {
		settings = meta.Defaults()
	}
	return meta.First(n.cfg.Rand.Uint64(), member, settings)
}
