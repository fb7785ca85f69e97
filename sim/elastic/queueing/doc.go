// Package queueing holds the formulas of the queue that a node's processors are.
//
// A node with c processors is an M/M/c queue: operations arrive independently of each
// other (Poisson), a processor's time for one is exponential, one queue, first come
// first served. The probability that an operation has to wait is Erlang's C formula
// (A. K. Erlang 1917), computed from the blocking probability by the recursion
// B(0) = 1, B(k) = a·B(k-1) / (k + a·B(k-1)), C = B(c) / (1 - ρ(1 - B(c))), which
// neither overflows nor needs a factorial. A wait, where there is one, is exponential
// with rate cμ - λ. L. Kleinrock, Queueing Systems I (1975), section 3.5, derives all
// of this.
//
// Operations of several kinds share the processors, so service is a mixture. Its wait
// is taken to be that of the M/M/c of the mean service, stretched by (1 + cv²)/2 with
// cv the coefficient of variation of service (A. M. Lee and P. A. Longton 1959), which is
// exact for one processor (Pollaczek and Khinchine) and for one kind of operation.
//
// Percentiles are those of wait plus service, whose tail is a sum of exponentials; they
// are found by bisection. Exponential function and logarithm are this package's own,
// made of + - * / alone with every product rounded, so that all machines agree.
package queueing
