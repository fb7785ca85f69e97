package tcp

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// Errors of connections, wrapped with the particulars.
var (
	// ErrRefused means that the other side told why it doesn't want the connection.
	ErrRefused = errors.New("refused")
	// ErrKey means that the two sides don't have the same cluster key.
	ErrKey = errors.New("another cluster key")
	// ErrHandshake means that the other side doesn't speak this protocol.
	ErrHandshake = errors.New("not a node of a key-value cluster")
	// ErrAddress means that no address is known for a node.
	ErrAddress = errors.New("no address known")
	// ErrCluster means that a node belongs to another cluster than the one talked to before.
	ErrCluster = errors.New("another cluster")
	// ErrClosed is returned after Close, and for calls whose connection broke.
	ErrClosed = errors.New("connection closed")
	// ErrBusy means that a limit was reached.
	ErrBusy = errors.New("too much at once")
	// ErrListen refuses addresses that need a key.
	ErrListen = errors.New("not a loopback address: a cluster key is needed to listen there")
	// ErrShortKey refuses keys that can be guessed.
	ErrShortKey = errors.New("the cluster key is too short")
)

// Config is what all connections of a node or a client have in common. Zero fields
// stand for the defaults.
type Config struct {
	// Name is the machine's, or whatever a client calls itself.
	Name string
	// Key is the cluster's; empty on loopback only.
	Key []byte
	// Book tells where to dial.
	Book Book
	// Cluster is the number of the cluster that a node belongs to, 0 before it has
	// joined one: nodes of different clusters don't talk to each other. Nil means 0.
	Cluster func() uint64
	// DialTimeout bounds a dial, HandshakeTimeout what follows it; 3 s each.
	DialTimeout, HandshakeTimeout time.Duration
	// ReadTimeout is how long the rest of a frame may take when it has begun to come,
	// WriteTimeout how long what is written may wait to be taken; 10 s each.
	ReadTimeout, WriteTimeout time.Duration
	// MinBackoff and MaxBackoff are the pauses between dials; 50 ms and 1 s.
	MinBackoff, MaxBackoff time.Duration
	// QueueBytes bounds what waits to be written to a connection; 64 MiB.
	QueueBytes int
	// MaxCalls bounds a client connection's calls under way; 1,024.
	MaxCalls int
	// MaxConns bounds the connections that a server keeps; 4,096.
	MaxConns int
}

func (c Config) withDefaults() Config {
	span := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	count := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	span(&c.DialTimeout, 3*time.Second)
	span(&c.HandshakeTimeout, 3*time.Second)
	span(&c.ReadTimeout, 10*time.Second)
	span(&c.WriteTimeout, 10*time.Second)
	span(&c.MinBackoff, 50*time.Millisecond)
	span(&c.MaxBackoff, time.Second)
	count(&c.QueueBytes, 64<<20)
	count(&c.MaxCalls, 1024)
	count(&c.MaxConns, 4096)
	return c
}

func (c *Config) cluster() uint64 {
	if c.Cluster == nil {
		return 0
	}
	return c.Cluster()
}

// MinKey is how many bytes a cluster key has at least where strangers can try to guess it.
const MinKey = 16

// CheckListen returns ErrListen for an address beyond the loopback without a key, ErrShortKey
// with one that is too short.
func CheckListen(address string, key []byte) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("address %q: %w", address, err)
	}
	ip := net.ParseIP(host)
	switch {
	case host == "localhost" || ip != nil && ip.IsLoopback():
		return nil
	case len(key) == 0:
		return fmt.Errorf("%s: %w", address, ErrListen)
	case len(key) < MinKey:
		return fmt.Errorf("%s: %w: %d bytes, at least %d are needed beyond the loopback", address, ErrShortKey, len(key), MinKey)
	}
	return nil
}
