package integration

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/integration/links"
)

// probeTimeout is how long a probe waits for an answer before it calls the link silent.
const probeTimeout = 1500 * time.Millisecond

// The size of a bulk probe's payload: what the limit in force lets through in about three
// quarters of a second, within these bounds.
const (
	minBulk = 16 << 10
	maxBulk = 512 << 10
)

// handshakeScript finishes handshakes of the transport protocol with a peer, over the
// proxy, from inside the namespace of the node that opens the connection. A dial would
// prove nothing: toxiproxy accepts it whatever is behind. The second handshake's message
// is padded, and its time measures the rate.
//
// It prints: whole|reset|blackhole, round trip in µs, µs of the padded one (0: no answer).
const handshakeScript = `
trap '' PIPE
LC_ALL=C
{ exec 3<>"/dev/tcp/$ADDRESS/9300"; } 2>/dev/null || { echo reset 0 0; exit 0; }

# answer: waits for an answer, reads it whole; 0 answered, 1 closed, 2 silent.
answer() {
  local marker code rest length
  IFS= read -r -N 2 -t "$TIMEOUT" marker <&3
  code=$?
  now=${EPOCHREALTIME/[.,]/}
  [ $code -gt 128 ] && return 2
  [ "$marker" = ES ] || return 1
  # four bytes of length, eight of request id, one of status: response and handshake, no error
  rest=($(timeout "$TIMEOUT" head -c 13 <&3 | od -An -v -tu1))
  [ "${rest[12]}" = 9 ] || return 1
  length=$(((rest[0] << 24) + (rest[1] << 16) + (rest[2] << 8) + rest[3] - 9))
  timeout "$TIMEOUT" head -c $length <&3 >/dev/null
}

began=${EPOCHREALTIME/[.,]/}
printf "$SMALL" >&3 2>/dev/null || { echo reset 0 0; exit 0; }
answer
case $? in
  1) echo reset 0 0; exit 0 ;;
  2) echo blackhole 0 0; exit 0 ;;
esac
trip=$((now - began)) bulk=0
began=${EPOCHREALTIME/[.,]/}
{ printf "$LARGE"; head -c "$PADDING" /dev/zero; } >&3 2>/dev/null
answer && bulk=$((now - began))
echo whole $trip $bulk
`

// Probe sends something real over the link and back. Between nodes it is a handshake of
// the transport protocol, repeated with a large message to measure the rate; from a
// viewer it is an HTTP request, repeated with a large body. Nodes open no connections to
// viewers: that link is probed by the viewer's request, whose answer travels on it, and
// has no rate.
func (c *Cluster) Probe(ctx context.Context, from, to string) (chaos.LinkProbe, error) {
	key := links.Key{From: from, To: to}
	if !c.Has(key) {
		key = key.Reverse()
	}
	if !c.Has(key) {
		return chaos.LinkProbe{}, fmt.Errorf("no link %s→%s", from, to)
	}
	bulk := c.bulkSize(links.Key{From: from, To: to})
	wait := probeTimeout + c.Delay(key) // a slow link is no silent one
	var probe chaos.LinkProbe
	var err error
	if opener := c.byName[key.From]; opener != nil {
		probe, err = c.handshake(ctx, opener, c.byName[key.To], bulk, wait)
	} else {
		probe, err = requestNode(ctx, c.URL(key.From, key.To), bulk, wait)
	}
	if err != nil {
		return probe, fmt.Errorf("probing link %s→%s: %w", from, to, err)
	}
	if key.From != from {
		probe.Rate = 0 // it was measured the other way
	}
	return probe, nil
}

func (c *Cluster) bulkSize(key links.Key) int {
	if limit := c.Limit(key); limit > 0 {
		return int(max(minBulk, min(maxBulk, limit*3/4)))
	}
	return maxBulk
}

func (c *Cluster) handshake(ctx context.Context, from, to *node, bulk int, wait time.Duration) (chaos.LinkProbe, error) {
	env := []string{
		"ADDRESS=" + strings.TrimSuffix(to.transportAddress(), ":9300"),
		fmt.Sprintf("TIMEOUT=%g", wait.Seconds()),
		"SMALL=" + shellEscapes(handshakeMessage(0)),
		"LARGE=" + shellEscapes(handshakeMessage(bulk)),
		fmt.Sprintf("PADDING=%d", bulk),
	}
	out, err := run(ctx, c.docker, from.toolsID, env, "/bin/bash", "-c", handshakeScript)
	if err != nil {
		return chaos.LinkProbe{}, err
	}
	var state string
	var roundTrip, took int64 // µs
	if _, err := fmt.Sscan(out, &state, &roundTrip, &took); err != nil {
		return chaos.LinkProbe{}, fmt.Errorf("the probe printed %q: %w", out, err)
	}
	switch state {
	case "reset":
		return chaos.LinkProbe{State: chaos.Reset}, nil
	case "blackhole":
		return chaos.LinkProbe{State: chaos.Blackhole}, nil
	}
	probe := chaos.LinkProbe{State: chaos.Whole, RoundTrip: time.Duration(roundTrip) * time.Microsecond}
	if took > 0 {
		probe.Rate = int64(bulk) * int64(time.Second/time.Microsecond) / took
	}
	return probe, nil
}

// handshakeMessage is a handshake request of Elasticsearch's transport protocol without
// the padding that follows it. The body ends in a byte array of which the receiver reads
// the version at the beginning and ignores the rest, which later versions may fill.
func handshakeMessage(padding int) []byte {
	const (
		requestID       = 1
		statusHandshake = 1 << 3  // and a request, uncompressed, no error
		wireVersion     = 7170099 // what every 8.x accepts for a handshake
		action          = "internal:tcp/handshake"
	)
	// No request headers, no response headers, no features, then the action.
	header := append([]byte{0, 0, 0, byte(len(action))}, action...)
	version := binary.AppendUvarint(nil, wireVersion)
	body := binary.AppendUvarint([]byte{0}, uint64(len(version)+padding)) // no parent task; the array's length
	body = append(body, version...)

	message := binary.BigEndian.AppendUint64(nil, requestID)
	message = append(message, statusHandshake)
	message = binary.BigEndian.AppendUint32(message, wireVersion)
	message = binary.BigEndian.AppendUint32(message, uint32(len(header)))
	message = append(append(message, header...), body...)
	return append(binary.BigEndian.AppendUint32([]byte("ES"), uint32(len(message)+padding)), message...)
}

// shellEscapes writes bytes so that the shell's printf gives them back.
func shellEscapes(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		fmt.Fprintf(&s, `\x%02x`, c)
	}
	return s.String()
}

// requestNode makes requests on a connection of its own: empty ones for the round
// trip, and one with a body, which Elasticsearch reads to its end before it answers, for
// the rate. Any answer will do.
func requestNode(ctx context.Context, url string, bulk int, wait time.Duration) (chaos.LinkProbe, error) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	request := func(method, path string, body io.Reader) (chaos.CutMode, time.Duration, error) {
		ctx, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, method, url+path, body)
		if err != nil {
			return chaos.Whole, 0, err
		}
		begin := time.Now()
		response, err := transport.RoundTrip(req)
		if err != nil {
			return failureMode(err), 0, nil
		}
		defer response.Body.Close() //nolint:errcheck // reading only
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return failureMode(err), 0, nil
		}
		return chaos.Whole, time.Since(begin), nil
	}
	// The first request opens the connection; the second one's time is the round trip.
	var roundTrip time.Duration
	for range 2 {
		state, took, err := request(http.MethodGet, "/", nil)
		if err != nil || state != chaos.Whole {
			return chaos.LinkProbe{State: state}, err
		}
		roundTrip = took
	}
	probe := chaos.LinkProbe{State: chaos.Whole, RoundTrip: roundTrip}
	body := strings.Repeat(" ", bulk)
	if state, took, err := request(http.MethodPost, "/_probe", strings.NewReader(body)); err == nil && state == chaos.Whole {
		probe.Rate = int64(float64(bulk) / took.Seconds())
	}
	return probe, nil
}

// failureMode tells silence from refusal.
func failureMode(err error) chaos.CutMode {
	var timeout net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return chaos.Blackhole
	}
	return chaos.Reset
}
