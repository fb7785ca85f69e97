//determinism:realtime measures connections

package tcp

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"time"
)

// Measured is what a probe found of a link.
type Measured struct {
	// RoundTrip is the time until the answer to an empty message, on an open connection.
	RoundTrip time.Duration
	// Rate is the bytes per second at which a large message went; 0 if it was not
	// answered.
	Rate int64
}

// Probe opens a connection to a machine and sends an empty message and one of bulk bytes,
// at most 16 MiB. Contact is a finished handshake: a proxy accepts connections to whatever
// is behind it.
func Probe(ctx context.Context, cfg Config, machine string, bulk int) (Measured, error) {
	cfg = cfg.withDefaults()
	conn, _, err := cfg.dial(ctx, machine, Probing)
	if err != nil {
		return Measured{}, err
	}
	defer conn.Close() //nolint:errcheck // nothing is lost
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	var m Measured
	if m.RoundTrip, err = send(conn, nil, cfg.ReadTimeout); err != nil {
		return Measured{}, err
	}
	if took, err := send(conn, make([]byte, bulk), cfg.ReadTimeout); err == nil && bulk > 0 {
		m.Rate = int64(float64(bulk) / max(took, time.Nanosecond).Seconds())
	}
	return m, nil
}

// send sends a message and waits until the other side has it all.
func send(conn net.Conn, payload []byte, timeout time.Duration) (time.Duration, error) {
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return 0, err
	}
	begin := time.Now()
	frame := binary.LittleEndian.AppendUint32(nil, uint32(len(payload)))
	if _, err := conn.Write(append(frame, payload...)); err != nil {
		return 0, err
	}
	var answer [4]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return 0, err
	}
	return time.Since(begin), nil
}

// maxProbe is the largest message of a probe, in bytes.
const maxProbe = 16 << 20

// weigh answers messages with their length.
func weigh(conn net.Conn, timeout time.Duration) error {
	for {
		if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
			return err
		}
		var head [4]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return err
		}
		n := binary.LittleEndian.Uint32(head[:])
		if n > maxProbe {
			return ErrBusy
		}
		if _, err := io.CopyN(io.Discard, conn, int64(n)); err != nil {
			return err
		}
		if _, err := conn.Write(head[:]); err != nil {
			return err
		}
	}
}
