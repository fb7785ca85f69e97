//determinism:realtime ports of the machine follow what the simulated nodes do

package restapi

import (
	"context"
	"fmt"
	"net"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/wire"
)

// port is a node's port on the machine. It is open while the node's process answers: one
// that is dead refuses, one that has yet to join too.
type port struct {
	node     *elastic.Node
	handle   func(context.Context, *wire.Request) *wire.Answer
	refuse   func(*elastic.Error) *wire.Answer
	address  string
	listener net.Listener // bound and not served yet
	server   *wire.Server // nil: closed
}

// look opens and closes ports as the nodes' processes come and go.
func (s *server) look() {
	for _, p := range s.ports {
		switch {
		case p.node.Serving() && p.server == nil:
			// Who else took the port meanwhile keeps it; it is tried again at the next look.
			if err := p.open(); err != nil {
				s.failed = fmt.Errorf("the port of %s: %w", p.node.Name(), err)
				continue
			}
			s.failed = nil
		case !p.node.Serving():
			p.close()
		}
	}
}

func (s *server) close() {
	for _, p := range s.ports {
		p.close()
	}
}

func (p *port) open() error {
	l := p.listener
	if l == nil {
		var err error
		if l, err = net.Listen("tcp", p.address); err != nil {
			return err
		}
	}
	p.listener = nil
	p.server = &wire.Server{Handle: p.handle, Refuse: p.refuse}
	go p.server.Serve(l) // ends with Close
	return nil
}

// close closes the port and every connection to it.
func (p *port) close() {
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
	if p.server != nil {
		p.server.Close()
		p.server = nil
	}
}
