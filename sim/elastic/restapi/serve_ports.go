//determinism:realtime ports of the machine follow what the simulated nodes do

package restapi

import (
	"fmt"
	"net"
	"net/http"

	"github.com/shardquake/shardquake/sim/elastic"
)

// port is a node's port on the machine. It is open while the node's process answers: one
// that is dead refuses, one that has yet to join too.
type port struct {
	node     *elastic.Node
	handler  http.Handler
	address  string
	listener net.Listener // bound and not served yet
	server   *http.Server // nil: closed
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
	server := &http.Server{Handler: p.handler, ReadHeaderTimeout: headTimeout}
	p.server = server
	go func() { _ = server.Serve(l) }() // ends with Close
	return nil
}

// close closes the port and every connection to it.
func (p *port) close() {
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
	if p.server != nil {
		_ = p.server.Close()
		p.server = nil
	}
}
