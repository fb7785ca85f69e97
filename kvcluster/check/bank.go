package check

import (
	"fmt"
	"math"
)

// Audit is a transaction that has read all accounts.
type Audit struct {
	Client     int
	Start, End int64 // nanoseconds
	Sum        int64
	Negative   string // an account that was below zero, or ""
	Accounts   int
}

// BankReport is what a check of audits found.
type BankReport struct {
	Verdict   Verdict
	Why       string
	Audits    int
	Transfers int // that were committed, given by the caller
	Failovers int // between the first audit and the last
	Wrong     []Audit
}

// BankFloor is how much must be seen for a verdict of Pass.
type BankFloor struct{ Audits, Transfers, Failovers int }

// Bank checks that money only moves: every audit has found all accounts and their first sum.
func Bank(audits []Audit, accounts int, sum int64, transfers int, failovers []int64, floor BankFloor) BankReport {
	r := BankReport{Audits: len(audits), Transfers: transfers}
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for _, a := range audits {
		first, last = min(first, a.Start), max(last, a.End)
		if a.Sum != sum || a.Negative != "" || a.Accounts != accounts {
			r.Wrong = append(r.Wrong, a)
		}
	}
	for _, f := range failovers {
		if first <= f && f <= last {
			r.Failovers++
		}
	}
	switch {
	case len(r.Wrong) > 0:
		w := r.Wrong[0]
		r.Verdict = Fail
		r.Why = fmt.Sprintf("%d of %d audits are wrong, the first by client %d at %.6fs: %d in %d accounts instead of %d in %d",
			len(r.Wrong), len(audits), w.Client, float64(w.Start)/1e9, w.Sum, w.Accounts, sum, accounts)
		if w.Negative != "" {
			r.Why += ", " + w.Negative + " is below zero"
		}
	case r.Audits < floor.Audits || r.Transfers < floor.Transfers || r.Failovers < floor.Failovers:
		r.Verdict = Undecided
		r.Why = fmt.Sprintf("saw %d audits, %d transfers and %d failovers, at least %d, %d and %d are needed",
			r.Audits, r.Transfers, r.Failovers, floor.Audits, floor.Transfers, floor.Failovers)
	}
	return r
}
