package queueing

// Class is a kind of operation: how many arrive per second, and the seconds of a
// processor that one takes on average.
type Class struct{ Rate, Service float64 }

// Queue is a node's processors under a steady load below their capacity.
type Queue struct {
	// Servers is the number of processors.
	Servers int
	// Load is how many of them are busy on average.
	Load float64
	// Waits is the probability that an operation finds all of them busy.
	Waits float64
	// Drain is the rate of the exponential wait of those that wait, per second.
	Drain float64
}

// New is the queue of operations of several classes. ok is false where they are more than
// the processors can do: then there is no steady state.
func New(servers int, classes ...Class) (q Queue, ok bool) {
	q.Servers = servers
	var rate, squares float64
	for _, c := range classes {
		rate += c.Rate
		work := float64(c.Rate * c.Service)
		q.Load += work
		squares += float64(work * c.Service) // half of the second moment of an exponential
	}
	n := float64(servers)
	if q.Load >= n {
		return q, false
	}
	if rate == 0 || q.Load == 0 {
		return q, true
	}
	mean := q.Load / rate
	// (1 + cv²)/2 is half the second moment over the square of the mean.
	stretch := squares / rate / float64(mean*mean)
	q.Waits = ErlangC(servers, q.Load)
	q.Drain = (n - q.Load) / mean / stretch
	return q, true
}

// ErlangC is the probability that all servers are busy when an operation comes, for a
// load in busy servers (erlang) below their number.
func ErlangC(servers int, load float64) float64 {
	blocked := 1.0
	for k := 1; k <= servers; k++ {
		offered := float64(load * blocked)
		blocked = offered / (float64(k) + offered)
	}
	free := 1 - load/float64(servers)
	return blocked / (free + float64((1-free)*blocked))
}

// MeanWait is the mean time in the queue in seconds, those that don't wait included.
func (q Queue) MeanWait() float64 {
	if q.Waits == 0 {
		return 0
	}
	return q.Waits / q.Drain
}

// Waiting is how many operations are in the queue on average, of rate per second that
// arrive (J. D. C. Little 1961).
func (q Queue) Waiting(rate float64) float64 { return float64(rate * q.MeanWait()) }

// WaitOf is the wait that a part u of all waits exceeds, 0 < u ≤ 1: with u drawn evenly
// it is a wait drawn from their distribution.
func (q Queue) WaitOf(u float64) float64 {
	if u >= q.Waits {
		return 0
	}
	return Log(q.Waits/u) / q.Drain
}

// Tail is the probability that wait and service of an operation together take longer than t.
func (q Queue) Tail(service, t float64) float64 { return q.tail(service, t, q.drained(t)) }

// drained is the probability that one that waits does so for longer than t.
func (q Queue) drained(t float64) float64 {
	if q.Waits == 0 {
		return 0
	}
	return Exp(float64(q.Drain * t))
}

func (q Queue) tail(service, t, drained float64) float64 {
	mu := 1 / service
	alone := Exp(float64(mu * t))
	if q.Waits == 0 {
		return alone
	}
	var both float64 // of those that wait
	if d := mu - q.Drain; d > 1e-6*mu || d < -1e-6*mu {
		both = (float64(mu*drained) - float64(q.Drain*alone)) / d
	} else {
		both = float64((1 + float64(mu*t)) * alone)
	}
	return float64((1-q.Waits)*alone) + float64(q.Waits*both)
}

// Percentile is the time in seconds within which the part p of the operations are done,
// 0 < p < 1. The classes are those of the operations in question, weighted by their
// rates; they need not be all that the queue serves.
func (q Queue) Percentile(p float64, classes ...Class) float64 {
	var rate, longest float64
	for _, c := range classes {
		rate += c.Rate
		if c.Rate > 0 {
			longest = max(longest, c.Service)
		}
	}
	if rate == 0 || longest == 0 {
		return 0
	}
	beyond := func(t float64) float64 {
		sum, drained := 0.0, q.drained(t)
		for _, c := range classes {
			if c.Rate > 0 {
				sum += float64(c.Rate / rate * q.tail(c.Service, t, drained))
			}
		}
		return sum
	}
	high := longest
	for beyond(high) > 1-p {
		high *= 2
	}
	low := 0.0
	for range 44 { // to twelve digits
		mid := (low + high) / 2
		if beyond(mid) > 1-p {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}
