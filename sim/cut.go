package sim

// CutHandle is one cut of a link; several may overlap, the last one counts.
type CutHandle struct {
	l    *link
	mode CutMode
}

// ShapeHandle is one shape of a link; several add up.
type ShapeHandle struct {
	l     *link
	shape Shape
}

// OnCut adds a function that is told after a link's way of being cut has changed
// to mode.
func (n *Network) OnCut(f func(from, to string, mode CutMode)) { n.onCut = append(n.onCut, f) }

// OnMend adds a function that is told after a link, cut by mode until now, is open
// again.
func (n *Network) OnMend(f func(from, to string, mode CutMode)) { n.onMend = append(n.onMend, f) }

// OnClosed adds a function that is told when an endpoint learns that its
// connections with a peer were closed: at a reset, when a blackhole is mended, when
// the peer is disconnected.
func (n *Network) OnClosed(f func(Closed)) { n.onClosed = append(n.onClosed, f) }

// Cut interrupts what from sends to to. What is on its way is lost. Mode must not
// be Open.
func (n *Network) Cut(from, to string, mode CutMode) *CutHandle {
	if mode == Open {
		panic("sim: a cut needs a mode")
	}
	l := n.must(from, to)
	before := l.mode()
	c := &CutHandle{l: l, mode: mode}
	l.cuts = append(l.cuts, c)
	l.changed(before)
	return c
}

// Mend removes all cuts of the link.
func (n *Network) Mend(from, to string) {
	l := n.must(from, to)
	before := l.mode()
	l.cuts = nil
	l.changed(before)
}

// Mend removes this cut; the link stays cut by others.
func (c *CutHandle) Mend() {
	l := c.l
	before := l.mode()
	for i, o := range l.cuts {
		if o == c {
			l.cuts = append(l.cuts[:i:i], l.cuts[i+1:]...)
			l.changed(before)
			return
		}
	}
}

// changed brings what is on the link in line with how it is cut now.
func (l *link) changed(before CutMode) {
	now := l.mode()
	if now == before {
		return
	}
	n := l.n
	n.e.Note("net."+now.String(), l.from.name+">"+l.to.name)
	switch {
	case now == Blackhole:
		l.lose(nil)
		n.stall(l)
	case now == Reset || before == Blackhole:
		n.closePair(l.from, l.to, ErrReset)
	}
	if now == Open {
		for _, f := range n.onMend {
			f(l.from.name, l.to.name, before)
		}
		return
	}
	for _, f := range n.onCut {
		f(l.from.name, l.to.name, now)
	}
}

// closePair closes the connections between two endpoints; both learn of it.
func (n *Network) closePair(a, b *Endpoint, err error) {
	for _, l := range [...]*link{n.between(a, b), n.between(b, a)} {
		l.lose(err)
		l.abort(err)
	}
	n.closed(a, b, err)
	n.closed(b, a, err)
}

func (n *Network) closed(at, peer *Endpoint, err error) {
	if at.down {
		return
	}
	for _, f := range n.onClosed {
		f(Closed{At: at.name, Peer: peer.name, Err: err})
	}
}

// Shape slows the link down until the shape is removed.
func (n *Network) Shape(from, to string, s Shape) *ShapeHandle {
	l := n.must(from, to)
	h := &ShapeHandle{l: l, shape: s}
	l.shapes = append(l.shapes, h)
	l.reshape()
	return h
}

// Unshape removes all shapes of the link.
func (n *Network) Unshape(from, to string) {
	l := n.must(from, to)
	l.shapes = nil
	l.reshape()
}

// Remove removes this shape; others stay.
func (h *ShapeHandle) Remove() {
	l := h.l
	for i, o := range l.shapes {
		if o == h {
			l.shapes = append(l.shapes[:i:i], l.shapes[i+1:]...)
			l.reshape()
			return
		}
	}
}

// Disconnect takes an endpoint off the network, as when its process dies: its
// connections close, which each peer learns after the link's latency unless a
// blackhole swallows it; what is sent to it afterwards is refused.
func (n *Network) Disconnect(name string) {
	p := n.named[name]
	if p == nil || p.down {
		return
	}
	p.down = true
	p.life++
	n.e.Note("net.disconnect", name)
	for _, peer := range n.ends {
		if peer == p || peer.down {
			continue
		}
		out, in := n.between(p, peer), n.between(peer, p)
		if out.mode() == Blackhole {
			n.stall(out)
			continue
		}
		in.abort(ErrReset)
		out.abort(ErrReset)
		n.e.After(out.latency, "net.closed", func() { n.closed(peer, p, ErrReset) })
	}
}

// Connect puts a disconnected endpoint back, without any connections.
func (n *Network) Connect(name string) {
	p := n.named[name]
	if p == nil || !p.down {
		return
	}
	p.down = false
	n.e.Note("net.connect", name)
}
