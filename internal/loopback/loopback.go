//determinism:realtime looks for free ports of this machine

// Package loopback finds addresses of this machine for servers that are started later, or
// again, by somebody else. A port that was free a moment ago doesn't stay so on 127.0.0.1,
// from where every connection to this machine takes one as well.
package loopback

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Host is a loopback address that hardly anybody else uses, where the system has more than
// one: there ports stay free while nobody listens.
func Host() (string, error) {
	for range 3 {
		host := fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
		if l, err := net.Listen("tcp", net.JoinHostPort(host, "0")); err == nil {
			return host, l.Close()
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return "127.0.0.1", l.Close()
}

// Addresses are n addresses with different ports of a host. Nobody else gets one of the
// ports until they are released, which must be before somebody is to listen there.
func Addresses(host string, n int) (addresses []string, release func(), err error) {
	var open []net.Listener
	release = func() {
		for _, l := range open {
			_ = l.Close() // nobody has connected
		}
	}
	for range n {
		l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			release()
			return nil, nil, err
		}
		open = append(open, l)
		addresses = append(addresses, l.Addr().String())
	}
	return addresses, release, nil
}
