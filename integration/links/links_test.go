package links_test

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/integration/links"
)

// echoing answers every connection with what it says, and tells what came.
func echoing(t *testing.T) (address string, came <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	heard := make(chan string, 100)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close() //nolint:errcheck // a test's
				buf := make([]byte, 100)
				for {
					n, err := conn.Read(buf)
					if err != nil {
						return
					}
					heard <- string(buf[:n])
					if _, err := conn.Write(buf[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String(), heard
}

// linked is a link from a to b, behind which is an echo.
func linked(t *testing.T) (s *links.Set, address string, came <-chan string) {
	t.Helper()
	server, err := links.Serve()
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Close()) })
	upstream, came := echoing(t)
	s = links.NewSet()
	address, err = s.Add(server.Client, links.Key{From: "a", To: "b"}, "127.0.0.1:0", upstream)
	require.NoError(t, err)
	return s, address, came
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	return conn
}

func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	_, err := conn.Write([]byte(text))
	require.NoError(t, err)
}

func hear(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	buf := make([]byte, len(text))
	_, err := io.ReadFull(conn, buf)
	require.NoError(t, err)
	assert.Equal(t, text, string(buf))
}

func TestAResetClosesAndRefusesUntilItIsMended(t *testing.T) {
	s, address, _ := linked(t)
	conn := dial(t, address)
	say(t, conn, "one")
	hear(t, conn, "one")
	// Whichever direction is reset: a connection needs both.
	require.NoError(t, s.Cut(t.Context(), "b", "a", chaos.Reset))
	_, err := conn.Read(make([]byte, 1))
	assert.Error(t, err)
	_, err = net.Dial("tcp", address)
	assert.Error(t, err)
	require.NoError(t, s.Mend(t.Context(), "b", "a"))
	again := dial(t, address)
	say(t, again, "two")
	hear(t, again, "two")
	assert.Equal(t, []links.Key{{From: "b", To: "a"}}, s.Changed())
}

func TestABlackholeStopsOneDirectionOnly(t *testing.T) {
	s, address, came := linked(t)
	conn := dial(t, address)
	say(t, conn, "one")
	hear(t, conn, "one")
	assert.Equal(t, "one", <-came)
	require.NoError(t, s.Cut(t.Context(), "b", "a", chaos.Blackhole))
	say(t, conn, "two")
	assert.Equal(t, "two", <-came, "the question arrives")
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	_, err := conn.Read(make([]byte, 1))
	assert.ErrorContains(t, err, "timeout", "its answer doesn't")
	require.NoError(t, s.Mend(t.Context(), "b", "a"))
	again := dial(t, address)
	say(t, again, "three")
	hear(t, again, "three")
}

func TestShapesAndLinksThatThereAreNot(t *testing.T) {
	s, _, _ := linked(t)
	key := links.Key{From: "a", To: "b"}
	require.NoError(t, s.Shape(t.Context(), "a", "b", chaos.Shape{Bandwidth: 5000, PerConnection: true}))
	assert.EqualValues(t, 5000, s.Limit(key))
	require.NoError(t, s.Unshape(t.Context(), "a", "b"))
	assert.Zero(t, s.Limit(key))
	assert.True(t, s.Has(key))
	assert.False(t, s.Has(key.Reverse()))
	assert.ErrorContains(t, s.Cut(t.Context(), "a", "c", chaos.Reset), "no link a→c")
	assert.ErrorContains(t, s.Shape(t.Context(), "a", "b", chaos.Shape{Bandwidth: 5000}), "per-connection")
	assert.ErrorContains(t, s.Shape(t.Context(), "a", "b", chaos.Shape{Latency: time.Microsecond}), "whole milliseconds")
}
