package sim

// Transfer is a bulk transfer over a link: a flow through both network cards. Like
// every real protocol it needs its answers, so a cut of either direction concerns
// it: a reset aborts it, a blackhole stalls it until that is mended and then aborts
// it.
type Transfer struct {
	n    *Network
	link *link
	flow *Flow
	cap  int64
	done func(error)
	over bool
}

// Flow starts a transfer of bytes (negative: until stopped) that also passes the
// resources in extra and doesn't go faster than rateCap bytes per second (0: no
// limit). Done is called with nil when the last byte has arrived, or with an error
// when the sender learns that the transfer is broken.
func (n *Network) Flow(from, to string, bytes int64, extra []*Resource, rateCap int64, done func(error)) *Transfer {
	l, err := n.link(from, to)
	if err != nil {
		t := &Transfer{n: n, over: true}
		n.e.After(0, "net.unknown", func() { done(err) })
		return t
	}
	t := &Transfer{n: n, link: l, cap: rateCap, done: done}
	through := make([]*Resource, 0, len(extra)+3)
	if !l.local() {
		if l.shaped == nil {
			l.shaped = n.fluid.Resource(l.from.name+">"+l.to.name, l.limit)
		}
		through = append(through, l.from.Out, l.to.In, l.shaped)
	}
	through = append(through, extra...)
	t.flow = n.fluid.Start(FlowSpec{
		Name: l.from.name + ">" + l.to.name, Bytes: bytes, Cap: tighter(rateCap, l.perConn), Through: through,
	}, t.sent)
	l.moving = append(l.moving, t)
	back := n.between(l.to, l.from)
	switch {
	case l.from.down || l.mode() == Reset || back.mode() == Reset:
		t.fail(ErrReset)
	case l.mode() == Blackhole || back.mode() == Blackhole:
		t.flow.Pause()
	case l.to.down:
		t.fail(ErrRefused)
	}
	return t
}

// sent is called when the last byte has left.
func (t *Transfer) sent() {
	if t.link.latency == 0 {
		t.finish(nil)
		return
	}
	t.n.e.After(t.link.latency, "net.transferred", func() { t.finish(nil) })
}

func (t *Transfer) finish(err error) {
	if t.over {
		return
	}
	t.Stop()
	if t.done != nil {
		t.done(err)
	}
}

// fail ends the transfer now and says so by an event.
func (t *Transfer) fail(err error) {
	if t.over {
		return
	}
	t.Stop()
	if t.done != nil {
		t.n.e.After(0, "net.aborted", func() { t.done(err) })
	}
}

// Stop aborts the transfer; done isn't called.
func (t *Transfer) Stop() {
	if t.over {
		return
	}
	t.over = true
	t.flow.Stop()
	for i, o := range t.link.moving {
		if o == t {
			t.link.moving = append(t.link.moving[:i:i], t.link.moving[i+1:]...)
			return
		}
	}
}

// Transferred is how many bytes have left the sender.
func (t *Transfer) Transferred() int64 {
	if t.flow == nil {
		return 0
	}
	return t.flow.Transferred()
}

// Rate is the current rate in bytes per second.
func (t *Transfer) Rate() int64 {
	if t.over {
		return 0
	}
	return t.flow.Rate()
}

// SetCap changes the transfer's own limit, in bytes per second; 0 for none.
func (t *Transfer) SetCap(limit int64) {
	t.cap = limit
	if !t.over {
		t.flow.SetCap(tighter(limit, t.link.perConn))
	}
}

// Done reports whether the transfer has ended in whatever way.
func (t *Transfer) Done() bool { return t.over }

// abort ends all transfers of the link.
func (l *link) abort(err error) {
	moving := l.moving
	l.moving = nil
	for _, t := range moving {
		t.fail(err)
	}
}

// stall holds the transfers between the link's ends, in both directions.
func (n *Network) stall(l *link) {
	for _, d := range [...]*link{l, n.between(l.to, l.from)} {
		for _, t := range d.moving {
			t.flow.Pause()
		}
	}
}
