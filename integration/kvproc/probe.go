package kvproc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/integration/links"
	"github.com/shardquake/shardquake/kvcluster/tcp"
)

// probeTimeout is how long a probe waits for an answer before it calls the link silent.
const probeTimeout = 1500 * time.Millisecond

// The size of a probe's large message: what the limit in force lets through in about
// three quarters of a second, within these bounds, in bytes.
const (
	minBulk = 16 << 10
	maxBulk = 512 << 10
)

// Probe performs the handshake of the cluster's protocol over a link, through its proxy,
// and sends an empty message and a large one. A link to a viewer is probed by the viewer:
// the answers travel on it, and it has no rate.
func (c *Cluster) Probe(ctx context.Context, from, to string) (chaos.LinkProbe, error) {
	key, backwards := links.Key{From: from, To: to}, false
	if !c.Has(key) {
		key, backwards = key.Reverse(), true
	}
	if !c.Has(key) {
		return chaos.LinkProbe{}, fmt.Errorf("no link %s→%s", from, to)
	}
	bulk := maxBulk
	if limit := c.Limit(links.Key{From: from, To: to}); limit > 0 {
		bulk = int(max(minBulk, min(maxBulk, limit*3/4)))
	}
	cfg := c.Config(key.From)
	wait := probeTimeout + 2*c.Delay(key) // a slow link is no silent one, and a handshake is two round trips
	cfg.HandshakeTimeout, cfg.ReadTimeout = wait, wait
	m, err := tcp.Probe(ctx, cfg, key.To, bulk)
	switch {
	case ctx.Err() != nil:
		return chaos.LinkProbe{}, ctx.Err()
	case err != nil:
		return chaos.LinkProbe{State: failureMode(err)}, nil
	case backwards:
		m.Rate = 0 // it was measured the other way
	}
	return chaos.LinkProbe{State: chaos.Whole, RoundTrip: m.RoundTrip, Rate: m.Rate}, nil
}

// failureMode tells silence from refusal.
func failureMode(err error) chaos.CutMode {
	var timeout net.Error
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return chaos.Blackhole
	}
	return chaos.Reset
}
