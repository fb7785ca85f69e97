package elastic

import (
	"errors"

	"github.com/shardquake/shardquake/sim"
)

// inbound is what a stream of bytes meets at the node that receives it. The node's process
// has no part in it but to look how far the stream is.
type inbound struct {
	to *Node
	// arriving is told of the stream as it begins, in the receiving process; nil: nobody
	// there watches it.
	arriving func(q *Process, t *sim.Transfer)
}

// streamFiles reads files from the node's disk and writes them to another's: through what
// both may spend on recoveries and the network between them. done gets why they did not
// all arrive; a disk that is full ends the stream with the write that finds it so.
func (p *Process) streamFiles(in inbound, bytes, rate int64, done func(error)) (*sim.Transfer, error) {
	from, to := p.Node, in.to
	to.Account()
	fits := min(bytes, to.disk.Free())
	if fits <= 0 {
		return nil, errors.New(errNoSpace)
	}
	through := []*sim.Resource{from.disk.Read, from.Limiter, to.Limiter, to.disk.Write}
	return p.stream(in, fits, through, rate, func(err error) {
		switch {
		case err == nil && fits < bytes:
			err = errors.New(errNoSpace)
		case err == nil:
			from.Copied.Read += bytes
			to.Copied.Written += bytes
		}
		done(err)
	}), nil
}

// streamOps sends operations, which the receiver writes to its disk.
func (p *Process) streamOps(in inbound, bytes int64, done func(error)) *sim.Transfer {
	return p.stream(in, bytes, []*sim.Resource{in.to.disk.Write}, 0, done)
}

func (p *Process) stream(in inbound, bytes int64, through []*sim.Resource, rate int64, done func(error)) *sim.Transfer {
	t := p.Cluster.net.Flow(p.Node.Name(), in.to.Name(), bytes, through, rate, func(err error) { p.Run(func() { done(err) }) })
	if q := in.to.Proc; q != nil && in.arriving != nil {
		in.arriving(q, t)
	}
	return t
}
