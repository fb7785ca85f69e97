//determinism:realtime handshakes of connections, with deadlines and random challenges

package tcp

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/shardquake/shardquake/kvcluster/wire"
)

// Purpose is what a connection is for.
type Purpose uint8

const (
	// Meta carries what concerns the metadata group: heartbeats, states, elections.
	Meta Purpose = iota + 1
	// Data carries replication.
	Data
	// Bulk carries pages of logs and snapshots.
	Bulk
	// Calls carries the calls of a client.
	Calls
	// Probing carries nothing but bytes that are counted, to measure a link.
	Probing
)

const (
	magic      = "SQKV"
	nonceSize  = 16
	proofSize  = sha256.Size
	accepted   = 0
	refused    = 1
	maxReason  = 255
	callerRole = "caller"
	calledRole = "called"
)

// hello is how the caller introduces itself.
type hello struct {
	purpose  Purpose
	from, to string // to is empty if the caller doesn't know whom it calls
	cluster  uint64 // that the caller belongs to, 0 if it doesn't know
	nonce    [nonceSize]byte
}

func (h *hello) append(buf []byte) []byte {
	buf = append(buf, magic...)
	buf = append(buf, wire.Version, byte(h.purpose))
	buf = append(buf, h.nonce[:]...)
	buf = binary.LittleEndian.AppendUint64(buf, h.cluster)
	buf = append(append(buf, byte(len(h.from))), h.from...)
	return append(append(buf, byte(len(h.to))), h.to...)
}

// readHello reads the caller's introduction; ErrHandshake if it isn't one.
func readHello(r io.Reader) (hello, error) {
	var h hello
	version, err := readMagic(r)
	if err != nil {
		return h, err
	}
	var purpose [1]byte
	if _, err := io.ReadFull(r, purpose[:]); err != nil {
		return h, err
	}
	h.purpose = Purpose(purpose[0])
	if _, err := io.ReadFull(r, h.nonce[:]); err != nil {
		return h, err
	}
	var cluster [8]byte
	if _, err := io.ReadFull(r, cluster[:]); err != nil {
		return h, err
	}
	h.cluster = binary.LittleEndian.Uint64(cluster[:])
	if h.from, err = readShort(r); err != nil {
		return h, err
	}
	if h.to, err = readShort(r); err != nil {
		return h, err
	}
	if version != wire.Version {
		return h, fmt.Errorf("version %d, mine is %d: %w", version, wire.Version, wire.ErrVersion)
	}
	if h.purpose < Meta || h.purpose > Probing {
		return h, fmt.Errorf("purpose %d: %w", h.purpose, ErrHandshake)
	}
	return h, nil
}

func readMagic(r io.Reader) (version byte, err error) {
	var buf [len(magic) + 1]byte
	if _, err := io.ReadFull(r, buf[:]); err != nil {
		return 0, err
	}
	if string(buf[:len(magic)]) != magic {
		return 0, ErrHandshake
	}
	return buf[len(magic)], nil
}

// readShort reads a text of at most 255 bytes.
func readShort(r io.Reader) (string, error) {
	var n [1]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return "", err
	}
	buf := make([]byte, n[0])
	_, err := io.ReadFull(r, buf)
	return string(buf), err
}

// reply is how the called one answers a hello that it accepts.
type reply struct {
	name  string
	nonce [nonceSize]byte
}

func (p *reply) append(buf []byte) []byte {
	buf = append(buf, magic...)
	buf = append(buf, wire.Version, accepted)
	buf = append(append(buf, byte(len(p.name))), p.name...)
	return append(buf, p.nonce[:]...)
}

// refusal answers a hello that isn't accepted.
func refusal(reason string) []byte {
	reason = reason[:min(len(reason), maxReason)]
	buf := append([]byte(magic), wire.Version, refused)
	return append(append(buf, byte(len(reason))), reason...)
}

// readReply reads the called one's answer, without its proof.
func readReply(r io.Reader) (reply, error) {
	var p reply
	version, err := readMagic(r)
	if err != nil {
		return p, err
	}
	var status [1]byte
	if _, err := io.ReadFull(r, status[:]); err != nil {
		return p, err
	}
	text, err := readShort(r)
	switch {
	case err != nil:
		return p, err
	case status[0] == refused:
		return p, fmt.Errorf("%w: %s", ErrRefused, text)
	case version != wire.Version:
		return p, fmt.Errorf("version %d, mine is %d: %w", version, wire.Version, wire.ErrVersion)
	case status[0] != accepted:
		return p, fmt.Errorf("status %d: %w", status[0], ErrHandshake)
	}
	p.name = text
	_, err = io.ReadFull(r, p.nonce[:])
	return p, err
}

// proof is the keyed hash that shows that a role has the key, over all that was said.
func proof(key []byte, role string, h *hello, p *reply) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(role))
	mac.Write(p.append(h.append(nil)))
	return mac.Sum(nil)
}

func readProof(r io.Reader, want []byte) error {
	var got [proofSize]byte
	if _, err := io.ReadFull(r, got[:]); err != nil {
		return err
	}
	if !hmac.Equal(got[:], want) {
		return ErrKey
	}
	return nil
}

// call performs the caller's side of a handshake and returns the called one's name.
func (c *Config) call(conn net.Conn, purpose Purpose, to string) (string, error) {
	if err := conn.SetDeadline(time.Now().Add(c.HandshakeTimeout)); err != nil {
		return "", err
	}
	h := hello{purpose: purpose, from: c.Name, to: to, cluster: c.cluster()}
	if _, err := rand.Read(h.nonce[:]); err != nil {
		return "", err
	}
	if _, err := conn.Write(h.append(nil)); err != nil {
		return "", err
	}
	p, err := readReply(conn)
	if err != nil {
		return "", closedEarly(err)
	}
	if err := readProof(conn, proof(c.Key, calledRole, &h, &p)); err != nil {
		return "", closedEarly(err)
	}
	if _, err := conn.Write(proof(c.Key, callerRole, &h, &p)); err != nil {
		return "", err
	}
	var end [1]byte
	if _, err := io.ReadFull(conn, end[:]); err != nil {
		return "", closedEarly(err)
	}
	return p.name, conn.SetDeadline(time.Time{})
}

func closedEarly(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("closed during the handshake: %w", ErrClosed)
	}
	return err
}

// meant returns why a caller must mean somebody else.
func (c *Config) meant(h *hello) error {
	mine := c.cluster()
	switch {
	case h.to != "" && h.to != c.Name:
		return fmt.Errorf("this is %q, not %q", c.Name, h.to)
	case h.cluster != 0 && mine != 0 && h.cluster != mine:
		return fmt.Errorf("%w: %q belongs to %x, %q to %x", ErrCluster, c.Name, mine, h.from, h.cluster)
	}
	return nil
}

// answer performs the called one's side of a handshake.
func (c *Config) answer(conn net.Conn) (hello, error) {
	if err := conn.SetDeadline(time.Now().Add(c.HandshakeTimeout)); err != nil {
		return hello{}, err
	}
	h, err := readHello(conn)
	if err == nil {
		err = c.meant(&h)
	}
	if err != nil {
		_, _ = conn.Write(refusal(err.Error()))
		return h, err
	}
	p := reply{name: c.Name}
	if _, err := rand.Read(p.nonce[:]); err != nil {
		return h, err
	}
	if _, err := conn.Write(append(p.append(nil), proof(c.Key, calledRole, &h, &p)...)); err != nil {
		return h, err
	}
	if err := readProof(conn, proof(c.Key, callerRole, &h, &p)); err != nil {
		return h, err
	}
	if _, err := conn.Write([]byte{accepted}); err != nil {
		return h, err
	}
	return h, conn.SetDeadline(time.Time{})
}
