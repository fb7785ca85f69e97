package wire

import (
	"errors"
	"fmt"
	"time"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
)

// Kind says which message a frame holds.
type Kind uint8

// The kinds of messages. Numbers are part of the protocol.
const (
	KindFence Kind = iota + 1
	KindFenceAck
	KindAppend
	KindAck
	KindFetch
	KindPage
	KindSnapshotPage
	KindRequest
	KindResponse
	KindRaft
	KindJoin
	KindJoined
	KindHeartbeat
	KindHeartbeatAck
	KindClusterState
	KindAdmin
	KindAdminResult
	KindHandover
	KindTaken
	KindRecall
	KindRecalled
	KindFound
	KindMayFound
)

var kindNames = [...]string{KindFence: "fence", KindFenceAck: "fence-ack", KindAppend: "append", KindAck: "ack",
	KindFetch: "fetch", KindPage: "page", KindSnapshotPage: "snapshot-page", KindRequest: "request", KindResponse: "response",
	KindRaft: "raft", KindJoin: "join", KindJoined: "joined", KindHeartbeat: "heartbeat", KindHeartbeatAck: "heartbeat-ack",
	KindClusterState: "cluster-state", KindAdmin: "admin", KindAdminResult: "admin-result",
	KindHandover: "handover", KindTaken: "taken",
	KindRecall: "recall", KindRecalled: "recalled", KindFound: "found", KindMayFound: "may-found"}

func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Message is one of the types of this file.
type Message interface {
	kind() Kind
	code(*coder)
}

func newMessage(k Kind) Message {
	switch k {
	case KindFence:
		return new(Fence)
	case KindFenceAck:
		return new(FenceAck)
	case KindAppend:
		return new(AppendEntries)
	case KindAck:
		return new(Ack)
	case KindFetch:
		return new(Fetch)
	case KindPage:
		return new(Page)
	case KindSnapshotPage:
		return new(SnapshotPage)
	case KindRequest:
		return new(Request)
	case KindResponse:
		return new(Response)
	case KindHandover:
		return new(Handover)
	case KindTaken:
		return new(Taken)
	}
	return newClusterMessage(k)
}

// newClusterMessage makes the messages of cluster.go and admin.go.
func newClusterMessage(k Kind) Message {
	switch k {
	case KindRaft:
		return new(Raft)
	case KindJoin:
		return new(Join)
	case KindJoined:
		return new(Joined)
	case KindHeartbeat:
		return new(Heartbeat)
	case KindHeartbeatAck:
		return new(HeartbeatAck)
	case KindClusterState:
		return new(ClusterState)
	case KindAdmin:
		return new(Admin)
	case KindAdminResult:
		return new(AdminResult)
	case KindRecall:
		return new(Recall)
	case KindRecalled:
		return new(Recalled)
	case KindFound:
		return new(Found)
	case KindMayFound:
		return new(MayFound)
	}
	return nil
}

// KindOf is the kind of a message.
func KindOf(m Message) Kind { return m.kind() }

// Copy addresses a message between two copies of a shard.
type Copy struct {
	Shard    shardmap.ID
	From, To shardmap.NodeID
	// Epoch is the epoch in which the sender speaks, or which it answers.
	Epoch uint64
	// Life is since when there is the shard that is meant (shardmap.Shard's Since), or 0
	// between copies of different shards.
	Life uint64
	// Durable is described at Peer.
	Durable uint64
}

func (h *Copy) code(c *coder) {
	text(c, &h.Shard, MaxName)
	text(c, &h.From, MaxName)
	text(c, &h.To, MaxName)
	c.uints(&h.Epoch, &h.Life, &h.Durable)
}

// Header is the address itself, for those who only see that it has one.
func (h *Copy) Header() *Copy { return h }

// Fence asks a copy to obey no epoch below the sender's any more.
type Fence struct{ Copy }

func (*Fence) kind() Kind      { return KindFence }
func (m *Fence) code(c *coder) { m.Copy.code(c) }

// FenceAck answers Fence, once the promise is durable.
type FenceAck struct {
	Copy
	// Promised is the lowest epoch that the copy obeys. Above Epoch, it refuses.
	Promised uint64
	// LastEpoch and LastIndex are of the last entry of its log.
	LastEpoch, LastIndex uint64
}

func (*FenceAck) kind() Kind { return KindFenceAck }
func (m *FenceAck) code(c *coder) {
	m.Copy.code(c)
	c.uints(&m.Promised, &m.LastEpoch, &m.LastIndex)
}

// AppendEntries carries entries from the primary to another copy, or none, to say that
// it is there.
type AppendEntries struct {
	Copy
	// PrevIndex and PrevEpoch are of the entry before the first one.
	PrevIndex, PrevEpoch uint64
	Entries              []Entry
	// Commit is the index up to which entries are committed.
	Commit uint64
	// Round counts the primary's appends; the answer repeats it.
	Round uint64
}

func (*AppendEntries) kind() Kind { return KindAppend }
func (m *AppendEntries) code(c *coder) {
	m.Copy.code(c)
	c.uints(&m.PrevIndex, &m.PrevEpoch)
	list(c, &m.Entries, MaxEntries, func(e *Entry) { e.code(c) })
	c.uints(&m.Commit, &m.Round)
}

// Ack answers AppendEntries.
type Ack struct {
	Copy
	// Promised is the lowest epoch that the copy obeys. Above Epoch, it refuses.
	Promised uint64
	// Match is the index up to which its log, durable, equals the primary's.
	Match uint64
	// Round is that of the append it answers.
	Round uint64
}

func (*Ack) kind() Kind { return KindAck }
func (m *Ack) code(c *coder) {
	m.Copy.code(c)
	c.uints(&m.Promised, &m.Match, &m.Round)
}

// Fetch asks for the log after an index, or for the next part of a snapshot of the
// state.
type Fetch struct {
	Copy
	After uint64
	// Turn is repeated by the answer, so that one to an earlier question is known.
	Turn uint64
	// Snapshot is the index of the snapshot that is being fetched, or 0.
	Snapshot uint64
	// AfterKey is the key after which to go on.
	AfterKey []byte
}

func (*Fetch) kind() Kind { return KindFetch }
func (m *Fetch) code(c *coder) {
	m.Copy.code(c)
	c.uints(&m.After, &m.Turn, &m.Snapshot)
	c.bytes(&m.AfterKey, MaxKey+64)
}

// Page answers Fetch with entries.
type Page struct {
	Copy
	PrevIndex, PrevEpoch uint64
	Entries              []Entry
	Commit               uint64
	// LastIndex is the end of the sender's log: there are more pages until then.
	LastIndex uint64
	// Turn is that of the Fetch.
	Turn uint64
}

func (*Page) kind() Kind { return KindPage }
func (m *Page) code(c *coder) {
	m.Copy.code(c)
	c.uints(&m.PrevIndex, &m.PrevEpoch)
	list(c, &m.Entries, MaxEntries, func(e *Entry) { e.code(c) })
	c.uints(&m.Commit, &m.LastIndex, &m.Turn)
}

// SnapshotPage answers Fetch with a part of the state, when the sender's log does not
// reach back far enough.
type SnapshotPage struct {
	Copy
	// Index and EntryEpoch are of the last entry that the state contains.
	Index, EntryEpoch uint64
	// AfterKey is the key after which this part begins, "" for the first part.
	AfterKey []byte
	Items    []Raw
	// Done means that this is the last part.
	Done bool
}

func (*SnapshotPage) kind() Kind { return KindSnapshotPage }
func (m *SnapshotPage) code(c *coder) {
	m.Copy.code(c)
	c.uints(&m.Index, &m.EntryEpoch)
	c.bytes(&m.AfterKey, MaxKey+64)
	list(c, &m.Items, MaxEntries, func(r *Raw) { r.code(c) })
	c.bool(&m.Done)
}

// RequestKind is what a client wants.
type RequestKind uint8

const (
	// Read wants the values of Keys.
	Read RequestKind = iota
	// Write wants Ops done, all or none.
	Write
	// Scan wants up to Limit items of [Start, End).
	Scan
	// Transact wants Txn done, with Ops if it is to prepare.
	Transact
)

const requestKinds = 4

// Request is what a client asks of the primary of a shard; at level One a read may be
// asked of any copy.
type Request struct {
	// Client and Seq identify the request: a retry has the same ones, and is done
	// only once. Seq starts at 1.
	Client, Seq uint64
	// Settled promises that no request with a Seq below it will be retried.
	Settled uint64
	// Retry says that the request may have been sent before.
	Retry bool
	Shard shardmap.ID
	// Epoch is that of the shard in the client's map.
	Epoch uint64
	Level Level
	Kind  RequestKind
	Keys  []string
	Ops   []Op
	Start string
	End   string
	Limit uint64
	Txn   Txn
}

func (*Request) kind() Kind { return KindRequest }
func (m *Request) code(c *coder) {
	c.uints(&m.Client, &m.Seq, &m.Settled)
	c.bool(&m.Retry)
	text(c, &m.Shard, MaxName)
	c.uint(&m.Epoch)
	c.small((*uint8)(&m.Level), levels)
	c.small((*uint8)(&m.Kind), requestKinds)
	list(c, &m.Keys, MaxOps, func(k *string) { text(c, k, MaxKey) })
	list(c, &m.Ops, MaxOps, func(o *Op) { o.code(c) })
	text(c, &m.Start, MaxKey+1)
	text(c, &m.End, MaxKey+1)
	c.uint(&m.Limit)
	m.Txn.code(c)
}

// Status is how a request ended.
type Status uint8

const (
	// OK means done.
	OK Status = iota
	// ConditionFailed means that nothing was written because a condition didn't hold.
	ConditionFailed
	// NotPrimary means that nothing was done; Primary and Epoch say who might.
	NotPrimary
	// Unavailable means that nothing was done: too few copies take part now.
	Unavailable
	// Unknown means that the write may have been done, or may be done yet.
	Unknown
	// WrongShard means that nothing was done: a key is not in the shard's range, or the
	// client's map is old.
	WrongShard
	// Invalid means that nothing was done: the request makes no sense.
	Invalid
	// Locked means that nothing was done: a key is locked by the transaction Txn.
	Locked
	// Aborted means that nothing was done: the transaction has been aborted.
	Aborted
	// Committed means that nothing was done: the transaction has been committed.
	Committed
	// Pending means that the transaction isn't decided.
	Pending
)

const statuses = 11

var statusNames = [...]string{"ok", "condition-failed", "not-primary", "unavailable", "unknown", "wrong-shard", "invalid",
	"locked", "aborted", "committed", "pending"}

func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return fmt.Sprintf("status %d", uint8(s))
}

// ErrUnavailable is what Status Unavailable is as an error, whoever reports it: nothing was
// done, and the same may succeed later.
var ErrUnavailable = errors.New("unavailable")

// Response answers a Request.
type Response struct {
	Client, Seq uint64
	Status      Status
	// Epoch and Primary are those that the answering copy knows of.
	Epoch   uint64
	Primary shardmap.NodeID
	// Version is that of the keys written.
	Version uint64
	// Weak says that the answer is of level One: what was read may be stale, what was
	// written may be lost when the primary fails.
	Weak bool
	// Items are those that were found, in the order of keys.
	Items []Item
	// More says that a scan has more to give, in this shard. It has read everything before
	// Next; "" is the end of all keys.
	More bool
	Next string
	// Reason explains a refusal.
	Reason string
	// Txn is the transaction that holds a lock, or the decision that was asked for.
	Txn Txn
	// Age is how long a transaction that is Pending has been so, as far as the primary of
	// its anchor's shard remembers.
	Age time.Duration
}

func (*Response) kind() Kind { return KindResponse }
func (m *Response) code(c *coder) {
	c.uints(&m.Client, &m.Seq)
	c.small((*uint8)(&m.Status), statuses)
	c.uint(&m.Epoch)
	text(c, &m.Primary, MaxName)
	c.uint(&m.Version)
	c.bool(&m.Weak)
	list(c, &m.Items, MaxEntries, func(i *Item) { i.code(c) })
	c.bool(&m.More)
	text(c, &m.Next, MaxKey+1)
	text(c, &m.Reason, MaxName)
	m.Txn.code(c)
	if m.Status == Pending {
		duration(c, &m.Age)
	}
}
