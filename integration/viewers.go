package integration

import (
	"fmt"
	"net"
	"net/http"

	"github.com/Shopify/toxiproxy/v2"
	toxiclient "github.com/Shopify/toxiproxy/v2/client"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// viewerProxies is a toxiproxy server in this process, for the links between viewers
// and nodes. It is driven over its HTTP API like those in the containers, so that a
// link is a link.
type viewerProxies struct {
	api    *toxiproxy.ApiServer
	http   *http.Server
	client *toxiclient.Client
}

func startViewerProxies() (*viewerProxies, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the viewers' proxies: %w", err)
	}
	// A nil metrics container would panic at the first connection.
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	server := &http.Server{Handler: api.Routes()}
	go server.Serve(listener) //nolint:errcheck // ends with ErrServerClosed
	return &viewerProxies{api: api, http: server, client: toxiclient.NewClient(listener.Addr().String())}, nil
}

// close ends all connections and listeners.
func (v *viewerProxies) close() error {
	for name := range v.api.Collection.Proxies() {
		if err := v.api.Collection.Remove(name); err != nil {
			return fmt.Errorf("closing proxy %s: %w", name, err)
		}
	}
	return v.http.Close()
}
