package sim

import "time"

// message is something small on its way. It takes no bandwidth away from
// transfers; its own size counts at the slowest of the network cards and shapes it
// passes.
type message struct {
	deliver func()
	failed  func(error)
	kind    Kind // used when deliver is nil
	arg     uint32
	link    *link
	life    uint32 // of the receiver when it was sent
	lost    bool   // by a cut: its event finds nothing to do
	err     error  // for giveBack
}

// Send sends a message that nobody misses when it is lost.
func (n *Network) Send(from, to string, bytes int, deliver func()) {
	n.SendOr(from, to, bytes, deliver, nil)
}

// SendOr sends a message. Deliver is called when it arrives, failed (if not nil)
// when the sender learns that it will not; a message lost in a blackhole calls
// neither.
func (n *Network) SendOr(from, to string, bytes int, deliver func(), failed func(error)) {
	l, err := n.link(from, to)
	if err != nil {
		if failed != nil {
			n.e.After(0, "net.unknown", func() { failed(err) })
		}
		return
	}
	n.send(l, bytes, message{deliver: deliver, failed: failed})
}

// Post sends a message that arrives as an event of the given kind, without
// allocating. Failed may be nil.
func (n *Network) Post(from, to *Endpoint, bytes int, k Kind, arg uint32, failed func(error)) {
	n.send(n.between(from, to), bytes, message{kind: k, arg: arg, failed: failed})
}

func (n *Network) send(l *link, bytes int, m message) {
	m.link, m.life = l, l.to.life
	switch {
	case l.from.down || l.mode() == Reset:
		n.refuseLater(m, 0, ErrReset)
		return
	case l.mode() == Blackhole:
		return
	case l.to.down:
		n.refuseLater(m, l.latency+n.between(l.to, l.from).latency, ErrRefused)
		return
	}
	slot := n.keep(m)
	now := n.e.now
	at := l.depart(now, int64(bytes)).Add(l.latency)
	if at < l.lastAt {
		at = l.lastAt
	}
	l.lastAt = at
	l.inFlight = append(l.inFlight, slot)
	n.e.Post(at.Sub(now), n.deliver, slot)
}

// depart is when the last byte of a message has left.
func (l *link) depart(now Time, bytes int64) Time {
	if l.local() {
		return now
	}
	rate := tighter(tighter(l.from.Out.capacity, l.to.In.capacity), l.perConn)
	if l.limit == 0 {
		return now.Add(transmission(bytes, rate))
	}
	l.freeAt = max(l.freeAt, now).Add(transmission(bytes, tighter(rate, l.limit)))
	return l.freeAt
}

func (n *Network) keep(m message) uint32 {
	if k := len(n.freeMsg); k > 0 {
		slot := n.freeMsg[k-1]
		n.freeMsg = n.freeMsg[:k-1]
		n.messages[slot] = m
		return slot
	}
	n.messages = append(n.messages, m)
	return uint32(len(n.messages) - 1)
}

func (n *Network) take(slot uint32) message {
	m := n.messages[slot]
	n.messages[slot] = message{}
	n.freeMsg = append(n.freeMsg, slot)
	return m
}

// arrive handles net.deliver.
func (n *Network) arrive(slot uint32) {
	m := n.take(slot)
	if m.lost {
		return
	}
	l := m.link
	l.shift()
	switch {
	case l.to.down:
		n.answer(m, ErrRefused)
	case l.to.life != m.life:
		n.answer(m, ErrReset)
	case m.deliver != nil:
		m.deliver()
	case m.kind != 0:
		n.e.handlers[m.kind].run(m.arg)
	}
}

// shift removes the oldest message from the link's queue.
func (l *link) shift() {
	l.head++
	if l.head == len(l.inFlight) {
		l.inFlight, l.head = l.inFlight[:0], 0
	} else if l.head > 64 && l.head > len(l.inFlight)/2 {
		l.inFlight = l.inFlight[:copy(l.inFlight, l.inFlight[l.head:])]
		l.head = 0
	}
}

// answer tells the sender, over the network, that its message found nobody.
func (n *Network) answer(m message, err error) {
	back := n.between(m.link.to, m.link.from)
	if back.mode() != Blackhole {
		n.refuseLater(m, back.latency, err)
	}
}

func (n *Network) refuseLater(m message, d time.Duration, err error) {
	if m.failed == nil {
		return
	}
	m.err = err
	n.e.Post(d, n.refuse, n.keep(m))
}

// giveBack handles net.refuse.
func (n *Network) giveBack(slot uint32) {
	m := n.take(slot)
	m.failed(m.err)
}

// lose takes everything off the link: failed when the sender learns of it.
func (l *link) lose(err error) {
	for _, slot := range l.inFlight[l.head:] {
		m := &l.n.messages[slot]
		m.lost = true
		if err != nil {
			l.n.refuseLater(*m, 0, err)
			m = &l.n.messages[slot] // refuseLater may have moved the table
		}
		m.failed, m.deliver = nil, nil
	}
	l.inFlight, l.head = l.inFlight[:0], 0
}
