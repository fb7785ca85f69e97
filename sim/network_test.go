package sim

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// lab is a network of endpoints a, b and c, two milliseconds apart, and a log of
// what happened on it.
type lab struct {
	*testing.T
	e   *Engine
	n   *Network
	log []string
}

func newLab(t *testing.T, bandwidth int64) *lab {
	e := NewEngine(Config{})
	l := &lab{T: t, e: e, n: e.NewNetwork(e.NewFluid())}
	for _, name := range []string{"a", "b", "c"} {
		l.n.AddEndpoint(name, EndpointSpec{Bandwidth: bandwidth, Latency: time.Millisecond})
	}
	return l
}

func (l *lab) say(format string, args ...any) {
	l.log = append(l.log, fmt.Sprintf("%v ", l.e.Now())+fmt.Sprintf(format, args...))
}

func (l *lab) at(d time.Duration, f func()) { l.e.After(d, "script", f) }

func (l *lab) send(what, from, to string, bytes int) {
	l.n.SendOr(from, to, bytes, func() { l.say("%s arrived", what) }, func(err error) { l.say("%s failed: %v", what, err) })
}

func (l *lab) flow(what, from, to string, bytes int64) *Transfer {
	return l.n.Flow(from, to, bytes, nil, 0, func(err error) { l.say("%s done: %v", what, err) })
}

func (l *lab) hearCloses() {
	l.n.OnClosed(func(c Closed) { l.say("%s sees %s close: %v", c.At, c.Peer, c.Err) })
}

func (l *lab) expect(want ...string) {
	l.Helper()
	require.NoError(l, l.e.Run(Never))
	assert.Equal(l, want, l.log)
}

func TestAMessageArrivesAfterLatencyAndItsTimeOnTheWire(t *testing.T) {
	l := newLab(t, 1_000_000)
	l.send("small", "a", "b", 0)
	l.send("large", "a", "c", 5000)
	l.send("own", "a", "a", 5000)
	l.send("lost", "a", "nowhere", 0)
	l.expect("0s own arrived", `0s lost failed: sim: network: "nowhere": unknown endpoint`, "2ms small arrived", "7ms large arrived")
}

func TestMessagesOnALinkDoNotOvertakeEachOther(t *testing.T) {
	l := newLab(t, 0)
	slow := l.n.Shape("a", "b", Shape{Latency: 100 * time.Millisecond})
	l.send("first", "a", "b", 0)
	l.at(time.Millisecond, func() { slow.Remove(); l.send("second", "a", "b", 0); l.send("answer", "b", "a", 0) })
	l.expect("3ms answer arrived", "102ms first arrived", "102ms second arrived")
}

func TestMessagesQueueOnALinkWithItsOwnBandwidth(t *testing.T) {
	for perConnection, want := range map[bool][]string{
		false: {"12ms one arrived", "22ms two arrived"},
		true:  {"12ms one arrived", "12ms two arrived"},
	} {
		l := newLab(t, 0)
		l.n.Shape("a", "b", Shape{Bandwidth: 1_000_000, PerConnection: perConnection})
		l.send("one", "a", "b", 10_000)
		l.send("two", "a", "b", 10_000)
		l.expect(want...)
	}
}

func TestAResetIsNoticedAtOnce(t *testing.T) {
	l := newLab(t, 0)
	l.hearCloses()
	l.send("on its way", "a", "b", 0)
	l.at(time.Millisecond, func() { l.n.Cut("a", "b", Reset); l.send("too late", "a", "b", 0) })
	l.at(3*time.Millisecond, func() { l.send("other way", "b", "a", 0); l.send("elsewhere", "a", "c", 0) })
	l.at(6*time.Millisecond, func() { l.n.Mend("a", "b"); l.send("mended", "a", "b", 0) })
	l.expect(
		"1ms a sees b close: connection reset by peer", "1ms b sees a close: connection reset by peer",
		"1ms on its way failed: connection reset by peer", "1ms too late failed: connection reset by peer",
		"5ms other way arrived", "5ms elsewhere arrived", "8ms mended arrived")
}

func TestABlackholeIsNoticedWhenItIsMended(t *testing.T) {
	l := newLab(t, 0)
	l.hearCloses()
	l.n.OnCut(func(from, to string, mode CutMode) { l.say("cut %s>%s %v", from, to, mode) })
	l.n.OnMend(func(from, to string, mode CutMode) { l.say("mended %s>%s %v", from, to, mode) })
	l.send("on its way", "a", "b", 0)
	l.at(time.Millisecond, func() { l.n.Cut("a", "b", Blackhole); l.send("swallowed", "a", "b", 0) })
	l.at(3*time.Millisecond, func() {
		l.send("other way", "b", "a", 0)
		assert.Equal(t, Blackhole, l.n.Reachable("a", "b"))
		assert.Equal(t, Open, l.n.Reachable("b", "a"))
	})
	l.at(time.Second, func() { l.n.Mend("a", "b"); l.send("mended", "a", "b", 0) })
	l.expect("1ms cut a>b blackhole", "5ms other way arrived",
		"1s a sees b close: connection reset by peer", "1s b sees a close: connection reset by peer",
		"1s mended a>b blackhole", "1.002s mended arrived")
}

func TestCutsOverlapAndTheLinkIsOpenWhenAllAreMended(t *testing.T) {
	l := newLab(t, 0)
	first := l.n.Cut("a", "b", Blackhole)
	second := l.n.Cut("a", "b", Reset)
	assert.Equal(t, Reset, l.n.Reachable("a", "b"))
	second.Mend()
	assert.Equal(t, Blackhole, l.n.Reachable("a", "b"))
	second.Mend()
	first.Mend()
	assert.Equal(t, Open, l.n.Reachable("a", "b"))
	assert.Panics(t, func() { l.n.Cut("a", "b", Open) })
	assert.Panics(t, func() { l.n.Cut("a", "nowhere", Reset) })
}

func TestTransfersShareTheNetworkCards(t *testing.T) {
	l := newLab(t, 1000)
	l.flow("a>b", "a", "b", 1000)
	l.flow("a>c", "a", "c", 2000)
	l.flow("c>a", "c", "a", 1000) // the other direction of both cards
	l.expect("1.002s c>a done: <nil>", "2.002s a>b done: <nil>", "3.002s a>c done: <nil>")
}

func TestATransferHasItsOwnCapAndPassesOtherResources(t *testing.T) {
	l := newLab(t, 1000)
	disk := l.n.Fluid().NewDisk("b", DiskSpec{Write: 100})
	l.n.Flow("a", "b", 1000, []*Resource{disk.Write}, 0, func(err error) { l.say("disk %v", err) })
	capped := l.n.Flow("a", "c", 1000, nil, 250, func(err error) { l.say("capped %v", err) })
	assert.Equal(t, int64(250), capped.Rate())
	l.at(2*time.Second, func() { capped.SetCap(500) })
	l.expect("3.002s capped <nil>", "10.002s disk <nil>")
	assert.Equal(t, int64(1000), capped.Transferred())
	assert.True(t, capped.Done())
}

func TestShapesSlowTransfersPerLinkOrPerConnection(t *testing.T) {
	for perConnection, want := range map[bool]int64{false: 50, true: 100} {
		l := newLab(t, 1000)
		one, two := l.flow("one", "a", "b", -1), l.flow("two", "a", "b", -1)
		assert.Equal(t, int64(500), one.Rate())
		shape := l.n.Shape("a", "b", Shape{Bandwidth: 100, PerConnection: perConnection})
		assert.Equal(t, []int64{want, want}, []int64{one.Rate(), two.Rate()})
		shape.Remove()
		assert.Equal(t, int64(500), one.Rate())
		l.n.Shape("a", "b", Shape{Bandwidth: 100})
		l.n.Unshape("a", "b")
		assert.Equal(t, int64(500), two.Rate())
		one.Stop()
		assert.Equal(t, int64(1000), two.Rate())
	}
}

func TestAResetAbortsTransfersOfBothDirections(t *testing.T) {
	l := newLab(t, 1000)
	l.flow("a>b", "a", "b", 1000)
	l.flow("b>a", "b", "a", 1000)
	l.flow("b>c", "b", "c", 1000)
	l.at(500*time.Millisecond, func() { l.n.Cut("a", "b", Reset); l.flow("new", "a", "b", 1) })
	l.expect("500ms a>b done: connection reset by peer", "500ms b>a done: connection reset by peer",
		"500ms new done: connection reset by peer", "1.252s b>c done: <nil>")
}

func TestABlackholeStallsTransfersUntilItIsMended(t *testing.T) {
	l := newLab(t, 1000)
	stalled := l.flow("a>b", "a", "b", 1000)
	l.at(500*time.Millisecond, func() { l.n.Cut("b", "a", Blackhole); l.flow("new", "a", "b", 1) })
	l.at(800*time.Millisecond, func() {
		assert.Zero(t, stalled.Rate())
		assert.Equal(t, int64(500), stalled.Transferred())
	})
	l.at(5*time.Second, func() { l.n.Mend("b", "a") })
	l.expect("5s a>b done: connection reset by peer", "5s new done: connection reset by peer")
}

func TestADeadEndpointRefusesAndItsPeersSeeTheirConnectionsClose(t *testing.T) {
	l := newLab(t, 1000)
	l.hearCloses()
	l.n.Cut("b", "c", Blackhole)
	l.flow("b>a", "b", "a", 1000)
	l.flow("c>b", "c", "b", 1000)
	l.send("on its way", "a", "b", 0)
	l.at(time.Millisecond, func() {
		l.n.Disconnect("b")
		l.n.Disconnect("b")
		assert.False(t, l.n.Connected("b"))
		l.send("from the dead", "b", "a", 0)
		l.send("to the dead", "a", "b", 0)
	})
	l.at(time.Second, func() { l.n.Connect("b"); l.send("alive", "a", "b", 0) })
	l.at(2*time.Second, func() { l.n.Mend("b", "c") })
	l.expect(
		"1ms b>a done: connection reset by peer", "1ms from the dead failed: connection reset by peer",
		"3ms a sees b close: connection reset by peer", "4ms on its way failed: connection refused",
		"5ms to the dead failed: connection refused", "1.002s alive arrived",
		"2s b sees c close: connection reset by peer", "2s c sees b close: connection reset by peer",
		"2s c>b done: connection reset by peer")
}

func TestAMessageToAnEarlierLifeIsReset(t *testing.T) {
	l := newLab(t, 0)
	l.send("old", "a", "b", 0)
	l.at(time.Millisecond, func() { l.n.Disconnect("b"); l.n.Connect("b"); l.send("new", "a", "b", 0) })
	l.expect("3ms new arrived", "4ms old failed: connection reset by peer")
}

func TestTypedMessagesDoNotAllocate(t *testing.T) {
	e := NewEngine(Config{Watchdog: -1})
	n := e.NewNetwork(e.NewFluid())
	a := n.AddEndpoint("a", EndpointSpec{Latency: time.Microsecond})
	b := n.AddEndpoint("b", EndpointSpec{Latency: time.Microsecond})
	var ping, pong Kind
	ping = e.Register("ping", func(arg uint32) { n.Post(b, a, 100, pong, arg, nil) })
	pong = e.Register("pong", func(arg uint32) { n.Post(a, b, 100, ping, arg, nil) })
	for i := range uint32(100) {
		n.Post(a, b, 100, ping, i, nil)
	}
	require.NoError(t, e.Run(Time(time.Millisecond)))
	before := e.Events()
	allocs := testing.AllocsPerRun(10, func() { _ = e.Run(e.Now().Add(time.Millisecond)) })
	assert.Less(t, allocs*11/float64(e.Events()-before), 0.001)
}

// TestEveryMessageHasOneFate sends and cuts at random: each message arrives, fails
// or was swallowed by a blackhole, and those that arrive keep their order.
func TestEveryMessageHasOneFate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := NewEngine(Config{Watchdog: -1})
		n := e.NewNetwork(e.NewFluid())
		names := []string{"a", "b", "c"}
		for _, name := range names {
			n.AddEndpoint(name, EndpointSpec{Latency: time.Millisecond, Bandwidth: 1e6})
		}
		node := rapid.SampledFrom(names)
		fates := map[int]int{}
		last := map[string]int{}
		sent, holes := 0, 0
		for range rapid.IntRange(10, 60).Draw(t, "steps") {
			from, to := node.Draw(t, "from"), node.Draw(t, "to")
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				n.Cut(from, to, Reset)
			case 1:
				n.Cut(from, to, Blackhole)
				holes++
			case 2:
				n.Mend(from, to)
			case 3:
				n.Disconnect(from)
			case 4:
				n.Connect(from)
			case 5:
				n.Shape(from, to, Shape{Latency: 3 * time.Millisecond, Bandwidth: 1e5})
			default:
				sent++
				id := sent
				n.SendOr(from, to, 1000, func() {
					fates[id]++
					require.Greater(t, id, last[from+to])
					last[from+to] = id
				}, func(error) { fates[id]++ })
			}
			d := time.Duration(rapid.IntRange(0, 5).Draw(t, "wait")) * time.Millisecond
			require.NoError(t, e.Run(e.Now().Add(d)))
		}
		require.NoError(t, e.Run(Never))
		for id := 1; id <= sent; id++ {
			require.LessOrEqual(t, fates[id], 1, "message %d", id)
			if holes == 0 {
				require.Equal(t, 1, fates[id], "message %d", id)
			}
		}
	})
}
