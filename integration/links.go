package integration

import (
	"context"
	"errors"
	"fmt"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2/client"

	"github.com/shardquake/shardquake/chaos"
)

// minBandwidth is what toxiproxy can count: whole kilobytes per second.
const minBandwidth = 1000

// linkKey is a directed link between two endpoints, and the proxy of the connections
// that its first endpoint opens to the second.
type linkKey struct{ from, to string }

func (k linkKey) reverse() linkKey { return linkKey{k.to, k.from} }

func (k linkKey) String() string { return k.from + "→" + k.to }

// linkState is what is wanted of a directed link; the zero value is a whole link.
type linkState struct {
	cut   chaos.CutMode
	shape chaos.Shape
}

// createNodeLinks makes the proxies of the connections that a node opens.
func (c *Cluster) createNodeLinks(ctx context.Context, from *node) error {
	for _, to := range c.nodes {
		if to == from {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		key := linkKey{from.spec.Name, to.spec.Name}
		if err := c.createProxy(from.api, key, to.transportAddress(), to.address+":9300"); err != nil {
			return err
		}
	}
	return nil
}

// createViewerLinks makes the proxies of the connections that viewers open.
func (c *Cluster) createViewerLinks() error {
	for _, viewer := range c.opt.Viewers {
		for _, to := range c.nodes {
			key := linkKey{viewer, to.spec.Name}
			if err := c.createProxy(c.viewers.client, key, "127.0.0.1:0", to.http); err != nil {
				return err
			}
			c.urls[key] = "http://" + c.proxies[key].Listen
		}
	}
	return nil
}

func (c *Cluster) createProxy(api *toxiproxy.Client, key linkKey, listen, upstream string) error {
	proxy, err := api.CreateProxy(key.from+"-to-"+key.to, listen, upstream)
	if err != nil {
		return fmt.Errorf("proxy of link %s: %w", key, err)
	}
	c.linkGuard.Lock()
	defer c.linkGuard.Unlock()
	c.proxies[key] = proxy
	return nil
}

// SupportsShape refuses what toxiproxy can't do.
func (c *Cluster) SupportsShape(s chaos.Shape) error {
	switch {
	case s.Latency < 0 || s.Bandwidth < 0:
		return errors.New("latency and bandwidth can't be negative")
	case s.Latency%time.Millisecond != 0:
		return fmt.Errorf("latency %s: containers' links are shaped in whole milliseconds", s.Latency)
	case s.Bandwidth > 0 && !s.PerConnection:
		return errors.New("containers' links limit the bandwidth of each connection, not of the link as a whole: say per-connection")
	case s.Bandwidth > 0 && s.Bandwidth < minBandwidth:
		return fmt.Errorf("bandwidth %d B/s: containers' links go down to %d B/s", s.Bandwidth, minBandwidth)
	}
	return nil
}

// Cut stops what from sends to to, on connections opened from either side.
//
// A blackhole drops those bytes and leaves the other direction alone. A reset closes the
// connections between the two and refuses new ones whoever opens them, for a connection
// needs both of its directions. Mending a blackhole closes the connections that it held.
func (c *Cluster) Cut(ctx context.Context, from, to string, mode chaos.CutMode) error {
	return c.changeLink(ctx, from, to, func(s *linkState) { s.cut = mode })
}

// Mend undoes Cut.
func (c *Cluster) Mend(ctx context.Context, from, to string) error {
	return c.changeLink(ctx, from, to, func(s *linkState) { s.cut = chaos.Whole })
}

// Shape delays what from sends to to, and limits it per connection.
func (c *Cluster) Shape(ctx context.Context, from, to string, shape chaos.Shape) error {
	if err := c.SupportsShape(shape); err != nil {
		return fmt.Errorf("shaping link %s→%s: %w", from, to, err)
	}
	return c.changeLink(ctx, from, to, func(s *linkState) { s.shape = shape })
}

// Unshape undoes Shape.
func (c *Cluster) Unshape(ctx context.Context, from, to string) error {
	return c.changeLink(ctx, from, to, func(s *linkState) { s.shape = chaos.Shape{} })
}

// changeLink changes what is wanted of a link and brings the proxies of both directions
// in line with it.
func (c *Cluster) changeLink(ctx context.Context, from, to string, change func(*linkState)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	key := linkKey{from, to}
	c.linkGuard.Lock()
	defer c.linkGuard.Unlock()
	if c.proxies[key] == nil && c.proxies[key.reverse()] == nil {
		return fmt.Errorf("no link %s: endpoints are the nodes %v and the viewers %v", key, c.NodeNames(), c.opt.Viewers)
	}
	state := c.links[key]
	change(&state)
	c.links[key] = state
	for _, k := range []linkKey{key, key.reverse()} {
		if proxy := c.proxies[k]; proxy != nil {
			if err := c.applyProxy(proxy, c.links[k], c.links[k.reverse()]); err != nil {
				return fmt.Errorf("link %s: %w", key, err)
			}
		}
	}
	return nil
}

// applyProxy brings one proxy in line: up is what is wanted of its link, down of the
// opposite one. What is broken first is whether connections are let through at all, so
// that both ends notice a reset at the same time.
func (c *Cluster) applyProxy(proxy *toxiproxy.Proxy, up, down linkState) error {
	enabled := up.cut != chaos.Reset && down.cut != chaos.Reset
	if proxy.Enabled && !enabled {
		if err := proxy.Disable(); err != nil {
			return err
		}
	}
	present, err := proxy.Toxics()
	if err != nil {
		return err
	}
	wanted := append(wantedToxics("upstream", up), wantedToxics("downstream", down)...)
	for _, toxic := range present {
		if !contains(wanted, toxic) {
			if err := proxy.RemoveToxic(toxic.Name); err != nil {
				return fmt.Errorf("removing toxic %s: %w", toxic.Name, err)
			}
		}
	}
	for _, toxic := range wanted {
		if contains(present, toxic) {
			continue
		}
		if _, err := proxy.AddToxic(toxic.Name, toxic.Type, toxic.Stream, 1, toxic.Attributes); err != nil {
			return err
		}
	}
	if !proxy.Enabled && enabled {
		return proxy.Enable()
	}
	return nil
}

// wantedToxics are the toxics for one stream of a proxy. A toxic's value is part of its
// name: another value is another toxic.
func wantedToxics(stream string, s linkState) toxiproxy.Toxics {
	var out toxiproxy.Toxics
	add := func(kind, attribute string, value int64) {
		out = append(out, toxiproxy.Toxic{
			Name: fmt.Sprintf("%s-%s-%d", kind, stream, value), Type: kind, Stream: stream,
			Attributes: toxiproxy.Attributes{attribute: value},
		})
	}
	if s.cut == chaos.Blackhole {
		add("timeout", "timeout", 0) // 0: drops for ever
	}
	if s.shape.Latency > 0 {
		add("latency", "latency", s.shape.Latency.Milliseconds())
	}
	if s.shape.Bandwidth > 0 {
		add("bandwidth", "rate", s.shape.Bandwidth/minBandwidth)
	}
	return out
}

func contains(toxics toxiproxy.Toxics, want toxiproxy.Toxic) bool {
	for _, t := range toxics {
		if t.Name == want.Name {
			return true
		}
	}
	return false
}
