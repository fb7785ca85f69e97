package links

import (
	"fmt"
	"net"
	"net/http"

	"github.com/Shopify/toxiproxy/v2"
	toxiclient "github.com/Shopify/toxiproxy/v2/client"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Server is a toxiproxy server in this process. It is driven over its HTTP API like those
// in containers, so that a link is a link.
type Server struct {
	// Client makes proxies here.
	Client *toxiclient.Client

	address string
	api     *toxiproxy.ApiServer
	http    *http.Server
}

// Serve starts a server without proxies.
func Serve() (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for toxiproxy: %w", err)
	}
	// A nil metrics container would panic at the first connection.
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	server := &http.Server{Handler: api.Routes()}
	go server.Serve(listener) //nolint:errcheck // ends with ErrServerClosed
	address := listener.Addr().String()
	return &Server{Client: toxiclient.NewClient(address), address: "http://" + address, api: api, http: server}, nil
}

// Address is the URL of the server's API.
func (s *Server) Address() string { return s.address }

// Close ends all connections and listeners. It may be called twice.
func (s *Server) Close() error {
	for name := range s.api.Collection.Proxies() {
		if err := s.api.Collection.Remove(name); err != nil {
			return fmt.Errorf("closing proxy %s: %w", name, err)
		}
	}
	return s.http.Close()
}
