// Package links is directed links made of toxiproxy's proxies, one for each ordered pair
// of endpoints of which the first opens connections to the second.
//
// What a sends to b flows upstream in the proxy a→b and downstream in the proxy b→a, so
// a directed cut acts on both, where both are. A blackhole drops those bytes and leaves
// the other direction alone. A reset closes the connections between the two and refuses
// new ones whoever opens them, for a connection needs both of its directions. Mending a
// blackhole closes the connections that it held.
package links

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	toxiclient "github.com/Shopify/toxiproxy/v2/client"

	"github.com/shardquake/shardquake/chaos"
)

// minBandwidth is what toxiproxy can count: whole kilobytes per second.
const minBandwidth = 1000

// Key is a directed link between two endpoints, and the proxy of the connections that its
// first endpoint opens to the second.
type Key struct{ From, To string }

// Reverse is the opposite link.
func (k Key) Reverse() Key { return Key{k.To, k.From} }

func (k Key) String() string { return k.From + "→" + k.To }

// Name is the proxy's at its server.
func (k Key) Name() string { return k.From + "-to-" + k.To }

// state is what is wanted of a directed link; the zero value is a whole link.
type state struct {
	cut   chaos.CutMode
	shape chaos.Shape
}

// Set is the links of a cluster. It is safe for use by several goroutines.
type Set struct {
	mu      sync.Mutex
	proxies map[Key]*toxiclient.Proxy
	states  map[Key]state
}

// NewSet makes a set without links.
func NewSet() *Set {
	return &Set{proxies: make(map[Key]*toxiclient.Proxy), states: make(map[Key]state)}
}

// Add makes a proxy on a toxiproxy server, from an address there to another, and returns
// the address that it listens on.
func (s *Set) Add(server *toxiclient.Client, key Key, listen, upstream string) (string, error) {
	proxy, err := server.CreateProxy(key.Name(), listen, upstream)
	if err != nil {
		return "", fmt.Errorf("proxy of link %s: %w", key, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proxies[key] = proxy
	return proxy.Listen, nil
}

// Changed are the links on which something was done, whether or not it was undone.
func (s *Set) Changed() []Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []Key
	for key := range s.states {
		keys = append(keys, key)
	}
	return keys
}

// Has reports whether the first endpoint opens connections to the second.
func (s *Set) Has(key Key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proxies[key] != nil
}

// Limit is the bandwidth in force on a link, 0 without.
func (s *Set) Limit(key Key) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.states[key].shape.Bandwidth
}

// Delay is what is added to the time of a message and its answer.
func (s *Set) Delay(key Key) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.states[key].shape.Latency + s.states[key.Reverse()].shape.Latency
}

// SupportsShape refuses what toxiproxy can't do.
func (s *Set) SupportsShape(shape chaos.Shape) error {
	switch {
	case shape.Latency < 0 || shape.Bandwidth < 0:
		return errors.New("latency and bandwidth can't be negative")
	case shape.Latency%time.Millisecond != 0:
		return fmt.Errorf("latency %s: real links are shaped in whole milliseconds", shape.Latency)
	case shape.Bandwidth > 0 && !shape.PerConnection:
		return errors.New("real links limit the bandwidth of each connection, not of the link as a whole: say per-connection")
	case shape.Bandwidth > 0 && shape.Bandwidth < minBandwidth:
		return fmt.Errorf("bandwidth %d B/s: real links go down to %d B/s", shape.Bandwidth, minBandwidth)
	}
	return nil
}

// Cut stops what from sends to to, on connections opened from either side.
func (s *Set) Cut(ctx context.Context, from, to string, mode chaos.CutMode) error {
	return s.change(ctx, Key{from, to}, func(l *state) { l.cut = mode })
}

// Mend undoes Cut.
func (s *Set) Mend(ctx context.Context, from, to string) error {
	return s.change(ctx, Key{from, to}, func(l *state) { l.cut = chaos.Whole })
}

// Shape delays what from sends to to, and limits it per connection.
func (s *Set) Shape(ctx context.Context, from, to string, shape chaos.Shape) error {
	if err := s.SupportsShape(shape); err != nil {
		return fmt.Errorf("shaping link %s→%s: %w", from, to, err)
	}
	return s.change(ctx, Key{from, to}, func(l *state) { l.shape = shape })
}

// Unshape undoes Shape.
func (s *Set) Unshape(ctx context.Context, from, to string) error {
	return s.change(ctx, Key{from, to}, func(l *state) { l.shape = chaos.Shape{} })
}

// change changes what is wanted of a link and brings the proxies of both directions in
// line with it.
func (s *Set) change(ctx context.Context, key Key, change func(*state)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proxies[key] == nil && s.proxies[key.Reverse()] == nil {
		return fmt.Errorf("no link %s", key)
	}
	wanted := s.states[key]
	change(&wanted)
	s.states[key] = wanted
	for _, k := range []Key{key, key.Reverse()} {
		if proxy := s.proxies[k]; proxy != nil {
			if err := apply(proxy, s.states[k], s.states[k.Reverse()]); err != nil {
				return fmt.Errorf("link %s: %w", key, err)
			}
		}
	}
	return nil
}

// apply brings one proxy in line: up is what is wanted of its link, down of the opposite
// one. What is broken first is whether connections are let through at all, so that both
// ends notice a reset at the same time.
func apply(proxy *toxiclient.Proxy, up, down state) error {
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
func wantedToxics(stream string, s state) toxiclient.Toxics {
	var out toxiclient.Toxics
	add := func(kind, attribute string, value int64) {
		out = append(out, toxiclient.Toxic{
			Name: fmt.Sprintf("%s-%s-%d", kind, stream, value), Type: kind, Stream: stream,
			Attributes: toxiclient.Attributes{attribute: value},
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

func contains(toxics toxiclient.Toxics, want toxiclient.Toxic) bool {
	for _, t := range toxics {
		if t.Name == want.Name {
			return true
		}
	}
	return false
}
