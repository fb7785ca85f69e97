package tcp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/wire"
)

// patient is how long a test waits for what must happen.
const patient = 30 * time.Second

// recorder is a handler that keeps what comes and answers calls with answer.
type recorder struct {
	mu     sync.Mutex
	got    []wire.Message
	came   chan struct{}
	answer func(c *caller, call uint64, m wire.Message)
}

func newRecorder() *recorder { return &recorder{came: make(chan struct{}, 1<<16)} }

func (r *recorder) received(m wire.Message) {
	r.mu.Lock()
	r.got = append(r.got, m)
	r.mu.Unlock()
	r.came <- struct{}{}
}

func (r *recorder) asked(c *caller, call uint64, m wire.Message) { r.answer(c, call, m) }

func (r *recorder) await(t *testing.T, n int) []wire.Message {
	t.Helper()
	deadline := time.After(patient)
	for range n {
		select {
		case <-r.came:
		case <-deadline:
			t.Fatal("messages did not come")
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got
}

// serving starts a server on loopback and returns its address.
func serving(t *testing.T, cfg Config, h handler) (*server, string) {
	t.Helper()
	cfg = cfg.withDefaults()
	l, err := listen(t.Context(), "127.0.0.1:0", cfg)
	require.NoError(t, err)
	s := newServer(cfg, l, h, t.Logf)
	accepting := make(chan struct{})
	go func() {
		s.accept()
		close(accepting)
	}()
	t.Cleanup(func() {
		s.close()
		<-accepting
	})
	return s, l.Addr().String()
}

// headerLeast is what a frame has at least, in bytes.
const headerLeast = 10

func readerOf(r io.Reader) *bufio.Reader { return bufio.NewReaderSize(r, 64) }

func heartbeat(revision uint64) wire.Message {
	return &wire.Heartbeat{Peer: wire.Peer{From: "n2", To: "n1"}, Revision: revision}
}

func TestListeningBeyondTheLoopbackNeedsAKey(t *testing.T) {
	assert.ErrorIs(t, CheckListen("0.0.0.0:7000", nil), ErrListen)
	assert.ErrorIs(t, CheckListen(":7000", nil), ErrListen)
	assert.ErrorIs(t, CheckListen("example.org:7000", nil), ErrListen)
	assert.Error(t, CheckListen("7000", nil))
	assert.NoError(t, CheckListen("0.0.0.0:7000", []byte("a key of enough bytes")))
	assert.NoError(t, CheckListen("127.0.0.1:7000", nil))
	assert.NoError(t, CheckListen("[::1]:7000", nil))
	assert.NoError(t, CheckListen("localhost:7000", nil))
}

func TestABookNamesEachNodeOnce(t *testing.T) {
	b, err := ParseBook("n1=127.0.0.1:1, n2=localhost:2,")
	require.NoError(t, err)
	assert.Equal(t, Book{"n1": "127.0.0.1:1", "n2": "localhost:2"}, b)
	_, err = b.Address("n3")
	assert.ErrorIs(t, err, ErrAddress)
	for _, bad := range []string{"n1", "n1=", "=a:1", "n1=a", "n1=a:0", "n1=a:x", "n1=a:1,n1=a:2"} {
		_, err := ParseBook(bad)
		assert.Error(t, err, bad)
	}
}

func TestHandshakesTellWhoIsWrong(t *testing.T) {
	cluster := func(n uint64) func() uint64 { return func() uint64 { return n } }
	_, address := serving(t, Config{Name: "n1", Key: []byte("right"), Cluster: cluster(1)}, newRecorder())
	for name, c := range map[string]struct {
		cfg  Config
		to   string
		want error
	}{
		"the same key":           {Config{Key: []byte("right")}, "n1", nil},
		"whoever it is":          {Config{Key: []byte("right")}, "", nil},
		"the same cluster":       {Config{Key: []byte("right"), Cluster: cluster(1)}, "n1", nil},
		"another key":            {Config{Key: []byte("wrong")}, "n1", ErrKey},
		"no key":                 {Config{}, "n1", ErrKey},
		"another node":           {Config{Key: []byte("right")}, "n2", ErrRefused},
		"a node of another grid": {Config{Key: []byte("right"), Cluster: cluster(2)}, "n1", ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := c.cfg.withDefaults()
			conn, answered, err := cfg.dialAddress(t.Context(), address, c.to, Meta)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "n1", answered)
			assert.NoError(t, conn.Close())
		})
	}
}

// A stranger that knows no key can't pass for a caller by sending anything at all.
func TestACallerWithoutTheKeyIsNotHeard(t *testing.T) {
	r := newRecorder()
	_, address := serving(t, Config{Name: "n1", Key: []byte("right")}, r)
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer conn.Close() //nolint:errcheck // a test's
	h := hello{purpose: Meta, from: "n2", to: "n1"}
	frame, err := wire.Append(nil, heartbeat(1))
	require.NoError(t, err)
	_, err = conn.Write(append(append(h.append(nil), make([]byte, proofSize)...), frame...))
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, conn) // closed by the other side
	if err != nil {
		assert.ErrorContains(t, err, "reset")
	}
	assert.Empty(t, r.got)
}

func TestWhateverComesInsteadOfAHelloIsRefused(t *testing.T) {
	h := hello{purpose: Data, from: "n2", to: "n1"}
	good := h.append(nil)
	got, err := readHello(bytes.NewReader(good))
	require.NoError(t, err)
	assert.Equal(t, h, got)
	for n := range good {
		_, err := readHello(bytes.NewReader(good[:n]))
		assert.Error(t, err, "the first %d bytes", n)
	}
	version := bytes.Clone(good)
	version[4]++
	_, err = readHello(bytes.NewReader(version))
	assert.ErrorIs(t, err, wire.ErrVersion)
	purpose := bytes.Clone(good)
	purpose[5] = 99
	_, err = readHello(bytes.NewReader(purpose))
	assert.ErrorIs(t, err, ErrHandshake)
	_, err = readHello(strings.NewReader("GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: a browser, or so\r\n\r\n"))
	assert.ErrorIs(t, err, ErrHandshake)
	_, err = readReply(bytes.NewReader(refusal(strings.Repeat("x", 1000))))
	assert.ErrorIs(t, err, ErrRefused)
}

func TestMessagesToANodeArriveInOrderAndAgainAfterItsRestart(t *testing.T) {
	r := newRecorder()
	cfg := Config{Name: "n1"}.withDefaults()
	l, err := listen(t.Context(), "127.0.0.1:0", cfg)
	require.NoError(t, err)
	address := l.Addr().String()
	first := newServer(cfg, l, r, t.Logf)
	go first.accept()

	p := NewPeers(Config{Name: "n2", Book: Book{"n1": address}, MinBackoff: time.Millisecond})
	defer p.Close()
	for i := range uint64(1000) {
		require.NoError(t, p.Send("n1", heartbeat(i)))
	}
	for i, m := range r.await(t, 1000) {
		require.Equal(t, uint64(i), m.(*wire.Heartbeat).Revision)
	}
	first.close()

	l, err = listen(t.Context(), address, cfg)
	require.NoError(t, err)
	second := newServer(cfg, l, r, t.Logf)
	go second.accept()
	defer second.close()
	require.Eventually(t, func() bool { // those on the broken connection are lost
		require.NoError(t, p.Send("n1", heartbeat(5000)))
		return len(r.came) > 0
	}, patient, 10*time.Millisecond)
	s := p.Stats()
	require.Len(t, s, 1)
	assert.GreaterOrEqual(t, s[0].Dials, uint64(2))
	assert.Equal(t, Meta, s[0].Purpose)
	assert.ErrorIs(t, p.Send("n9", heartbeat(1)), ErrAddress)
}

func TestEachPurposeHasAConnectionOfItsOwn(t *testing.T) {
	r := newRecorder()
	_, address := serving(t, Config{Name: "n1"}, r)
	p := NewPeers(Config{Name: "n2", Book: Book{"n1": address}})
	defer p.Close()
	h := wire.Copy{Shard: "s1", From: "n2", To: "n1", Epoch: 1}
	for _, m := range []wire.Message{heartbeat(1), &wire.Fence{Copy: h}, &wire.Page{Copy: h}} {
		require.NoError(t, p.Send("n1", m))
	}
	r.await(t, 3)
	var purposes []Purpose
	for _, s := range p.Stats() {
		purposes = append(purposes, s.Purpose)
		assert.True(t, s.Up)
	}
	assert.Equal(t, []Purpose{Meta, Data, Bulk}, purposes)
}

func TestWhatWaitsForADeadNodeIsBoundedAndDropped(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts and is silent, as a paused node
	require.NoError(t, err)
	defer l.Close() //nolint:errcheck // a test's
	p := NewPeers(Config{Name: "n2", Book: Book{"n1": l.Addr().String()}, QueueBytes: 1000, HandshakeTimeout: 10 * time.Millisecond,
		MinBackoff: time.Millisecond})
	defer p.Close()
	for i := range uint64(1000) {
		require.NoError(t, p.Send("n1", heartbeat(i)))
	}
	require.Eventually(t, func() bool {
		s := p.Stats()[0]
		return s.Dropped == 1000 && s.Sent == 0
	}, patient, time.Millisecond)
}

func TestCallsAreAnsweredInAnyOrder(t *testing.T) {
	const calls = 200
	r := newRecorder()
	type waiting struct {
		c    *caller
		call uint64
		m    wire.Message
	}
	var held []waiting
	var mu sync.Mutex
	r.answer = func(c *caller, call uint64, m wire.Message) {
		mu.Lock()
		defer mu.Unlock()
		held = append(held, waiting{c, call, m})
		if len(held) < calls {
			return
		}
		for i := len(held) - 1; i >= 0; i-- {
			assert.NoError(t, held[i].c.answer(held[i].call, &wire.Response{Seq: held[i].m.(*wire.Request).Seq}))
		}
	}
	_, address := serving(t, Config{Name: "n1"}, r)
	p := NewPool(Config{Name: "client", Book: Book{"n1": address}})
	defer p.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	var all sync.WaitGroup
	for i := range uint64(calls) {
		all.Go(func() {
			answer, err := p.Call(ctx, "n1", &wire.Request{Seq: i})
			if assert.NoError(t, err) {
				assert.Equal(t, i, answer.(*wire.Response).Seq)
			}
		})
	}
	all.Wait()
	assert.Len(t, p.conns, 1, "one connection for all of them")
}

func TestACallOutlivesNeitherItsDeadlineNorItsConnection(t *testing.T) {
	r := newRecorder()
	arrived := make(chan *caller, 10)
	r.answer = func(c *caller, _ uint64, _ wire.Message) { arrived <- c }
	_, address := serving(t, Config{Name: "n1"}, r)
	p := NewPool(Config{Name: "client", Book: Book{"n1": address}})
	defer p.Close()

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	_, err := p.Call(ctx, "n1", &wire.Request{})
	cancel()
	require.ErrorIs(t, err, context.DeadlineExceeded)

	result := make(chan error, 1)
	go func() {
		_, err := p.Call(t.Context(), "n1", &wire.Request{})
		result <- err
	}()
	first := <-arrived
	second := <-arrived // over another connection: nothing had come over the first
	assert.NotSame(t, first, second)
	require.NoError(t, second.conn.Close())
	err = <-result
	require.ErrorIs(t, err, ErrClosed)
	assert.NotErrorIs(t, err, ErrUnsent, "it may have been done")
}

func TestACallThatWasNeverSentSaysSo(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	p := NewPool(Config{Name: "client", Book: Book{"n1": address}})
	_, err = p.Call(t.Context(), "n1", &wire.Request{})
	assert.ErrorIs(t, err, ErrUnsent)
	_, err = p.Call(t.Context(), "n2", &wire.Request{})
	assert.ErrorIs(t, err, ErrAddress)
	p.Close()
	_, err = p.Call(t.Context(), "n1", &wire.Request{})
	assert.ErrorIs(t, err, ErrClosed)
}

func TestACommandThatNobodyCanCarryOutNowIsWorthRepeating(t *testing.T) {
	r := newRecorder()
	r.answer = func(c *caller, call uint64, _ wire.Message) {
		assert.NoError(t, c.answer(call, &wire.AdminResult{Status: wire.Unavailable, Reason: "copies are being moved"}))
	}
	_, n1 := serving(t, Config{Name: "n1"}, r)
	_, n2 := serving(t, Config{Name: "n2"}, r)
	c := NewClient(Config{Name: "client", Book: Book{"n1": n1, "n2": n2}})
	defer c.Close()
	_, err := c.Command(t.Context(), wire.Command{Kind: wire.CreateShard, Shard: "late", Start: "m"})
	require.ErrorIs(t, err, wire.ErrUnavailable, "so that a client asks again")
	assert.EqualError(t, err, "node n1: unavailable: copies are being moved; node n2: unavailable: copies are being moved")
}

func TestAClientThatTakesNoAnswersIsCutOff(t *testing.T) {
	r := newRecorder()
	failed := make(chan error, 1<<12)
	big := &wire.Response{Items: []wire.Item{{Key: "k", Value: make([]byte, 1<<20)}}}
	r.answer = func(c *caller, call uint64, _ wire.Message) {
		if err := c.answer(call, big); err != nil {
			failed <- err
		}
	}
	_, address := serving(t, Config{Name: "n1", QueueBytes: 4 << 20, WriteTimeout: 100 * time.Millisecond}, r)
	cfg := Config{Name: "client"}.withDefaults()
	conn, _, err := cfg.dialAddress(t.Context(), address, "n1", Calls)
	require.NoError(t, err)
	defer conn.Close() //nolint:errcheck // a test's
	for i := range uint64(1000) {
		buf, err := appendCall(nil, i, &wire.Request{})
		require.NoError(t, err)
		if _, err := conn.Write(buf); err != nil {
			break
		}
	}
	select {
	case err := <-failed:
		assert.True(t, errors.Is(err, ErrBusy) || errors.Is(err, ErrClosed), "%v", err)
	case <-time.After(patient):
		t.Fatal("the connection was kept")
	}
}

func TestAProbeMeasuresALink(t *testing.T) {
	_, address := serving(t, Config{Name: "n1"}, newRecorder())
	m, err := Probe(t.Context(), Config{Name: "n2", Book: Book{"n1": address}}, "n1", 1<<20)
	require.NoError(t, err)
	assert.Positive(t, m.RoundTrip)
	assert.Positive(t, m.Rate)
}

// However a stream is cut into pieces, the messages are the same.
func TestFramesDontDependOnHowTheyArrive(t *testing.T) {
	var stream []byte
	var err error
	for i := range uint64(50) {
		stream, err = wire.Append(stream, heartbeat(i))
		require.NoError(t, err)
	}
	stream, err = wire.Append(stream, &wire.Response{Items: []wire.Item{{Key: "k", Value: bytes.Repeat([]byte("v"), 3<<20)}}})
	require.NoError(t, err)
	in := &frames{}
	in.r = readerOf(iotest.HalfReader(bytes.NewReader(stream)))
	for i := range uint64(50) {
		m, err := in.next()
		require.NoError(t, err)
		require.Equal(t, i, m.(*wire.Heartbeat).Revision)
	}
	m, err := in.next()
	require.NoError(t, err)
	assert.Len(t, m.(*wire.Response).Items[0].Value, 3<<20)
	_, err = in.next()
	assert.ErrorIs(t, err, io.EOF)
}

// A length is a claim: memory is taken for what has come.
func TestAClaimOfMuchTakesLittleMemory(t *testing.T) {
	head := binary.LittleEndian.AppendUint32(nil, wire.MaxFrame)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 100 {
		in := &frames{r: readerOf(bytes.NewReader(append(head, 1, 2, 3)))}
		_, err := in.next()
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	}
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(wire.MaxFrame)*4)
	in := &frames{r: readerOf(bytes.NewReader(binary.LittleEndian.AppendUint32(nil, wire.MaxFrame+1)))}
	_, err := in.next()
	assert.ErrorIs(t, err, wire.ErrTooLarge)
}

func TestADamagedCallNumberIsNoticed(t *testing.T) {
	buf, err := appendCall(nil, 7, &wire.Request{})
	require.NoError(t, err)
	in := &frames{r: readerOf(bytes.NewReader(buf))}
	call, _, err := in.nextCall()
	require.NoError(t, err)
	assert.Equal(t, uint64(7), call)
	for bit := range 8 * callHeader {
		damaged := bytes.Clone(buf)
		damaged[bit/8] ^= 1 << (bit % 8)
		in := &frames{r: readerOf(bytes.NewReader(damaged))}
		_, _, err := in.nextCall()
		require.ErrorIs(t, err, wire.ErrChecksum)
	}
}

// FuzzStream feeds a connection's reader whatever may come over it.
func FuzzStream(f *testing.F) {
	good, err := appendCall(nil, 1, &wire.Request{Keys: []string{"k"}})
	require.NoError(f, err)
	f.Add(good, true)
	plain, err := wire.Append(nil, heartbeat(1))
	require.NoError(f, err)
	f.Add(plain, false)
	hi := hello{purpose: Calls, from: "a", to: "b"}
	f.Add(hi.append(nil), false)
	f.Fuzz(func(t *testing.T, stream []byte, calls bool) {
		if h, err := readHello(bytes.NewReader(stream)); err == nil {
			require.True(t, bytes.HasPrefix(stream, h.append(nil)), "one encoding only")
		}
		if p, err := readReply(bytes.NewReader(stream)); err == nil {
			require.True(t, bytes.HasPrefix(stream, p.append(nil)))
		}
		in := &frames{r: readerOf(iotest.OneByteReader(bytes.NewReader(stream)))}
		for read := 0; read <= len(stream); read += headerLeast {
			var err error
			if calls {
				_, _, err = in.nextCall()
			} else {
				_, err = in.next()
			}
			if err != nil {
				return
			}
		}
		t.Fatal("more messages than bytes")
	})
}

func TestThatNobodyCouldCarryOutACommandIsOfOneKindHoweverTheyFailed(t *testing.T) {
	unsent := fmt.Errorf("%w: connection refused", ErrUnsent)
	for _, all := range []Refusals{{unsent}, {unsent, context.DeadlineExceeded}, {fmt.Errorf("node n1: %w", wire.ErrUnavailable), unsent}} {
		assert.ErrorIs(t, all, wire.ErrUnavailable, "%v", all)
	}
	for _, forGood := range []error{ErrCluster, ErrHandshake, ErrAddress} {
		assert.NotErrorIs(t, Refusals{unsent, fmt.Errorf("%w: %w", ErrUnsent, forGood)}, wire.ErrUnavailable, "asking again is no use")
	}
}
