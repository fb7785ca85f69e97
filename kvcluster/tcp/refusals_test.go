package tcp

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestRefusedConnectionsAreToldOnceInAWhile(t *testing.T) {
	var r refusals
	var lines []string
	logf := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	from, at := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1234}, time.Unix(1000, 0)
	for i := range 500 {
		r.note(at.Add(time.Duration(i)*time.Millisecond), from, ErrKey, logf)
	}
	assert.Equal(t, []string{"connection from 127.0.0.1:1234 refused: another cluster key"}, lines)
	r.note(at, from, ErrHandshake, logf)
	assert.Len(t, lines, 2, "another reason is told at once")
	r.note(at.Add(time.Minute), from, ErrKey, logf)
	assert.Equal(t, "connection from 127.0.0.1:1234 refused: another cluster key (and 499 more since 00:16:40)", lines[2])
	for i := range 10 * maxReasons {
		r.note(at, from, fmt.Errorf("stranger %d", i), logf)
	}
	assert.Less(t, len(lines), 2*maxReasons, "whatever strangers say")
}

func TestAKeyThatCanBeGuessedIsForLoopbackOnly(t *testing.T) {
	short, long := []byte("12345"), []byte("0123456789abcdef")
	assert.NoError(t, CheckListen("127.0.0.1:1", short))
	assert.NoError(t, CheckListen("[::1]:1", nil))
	for _, address := range []string{"0.0.0.0:1", "10.0.0.1:1", ":1", "example.com:1"} {
		assert.ErrorIs(t, CheckListen(address, nil), ErrListen)
		assert.ErrorIs(t, CheckListen(address, short), ErrShortKey)
		assert.NoError(t, CheckListen(address, long))
	}
	assert.False(t, errors.Is(CheckListen("nonsense", long), ErrShortKey))
}
