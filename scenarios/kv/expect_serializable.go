package kv

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/kvcluster/check"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/kvload"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Serializable expects that transactions could have happened one after another: on lists,
// by what each read and appended; of a bank, that no audit misses money.
type Serializable struct {
	Of       string `yaml:"serializable" jsonschema:"required,enum=append,enum=bank"`
	AtLeast  int    `yaml:"of-at-least,omitempty" jsonschema:"description=fewer transactions leave the verdict unknown; default 50"`
	Overlaps int    `yaml:"overlaps,omitempty" jsonschema:"description=of append: fewer transactions that overlap another leave the verdict unknown; default 10"`
	Audits   int    `yaml:"audits,omitempty" jsonschema:"description=of a bank: fewer audits leave the verdict unknown; default 20"`
}

// Kind implements [scenarios.Expectation].
func (*Serializable) Kind() string { return "serializable" }

// Complete implements [scenarios.Completer].
func (e *Serializable) Complete(*scenarios.Scenario) {
	e.AtLeast, e.Overlaps, e.Audits = cmp.Or(e.AtLeast, 50), cmp.Or(e.Overlaps, 10), cmp.Or(e.Audits, 20)
}

// Check implements [scenarios.Expectation].
func (e *Serializable) Check(s *scenarios.Scenario) []source.Problem {
	kinds := []string{kvload.Append, kvload.Bank}
	if !slices.Contains(kinds, e.Of) {
		return []source.Problem{source.Problemf("serializable", "%s", source.Unknown("history", e.Of, kinds))}
	}
	streams := 0
	for _, w := range s.Workload {
		if w.KV == e.Of {
			streams++
		}
	}
	switch {
	case streams == 0:
		return []source.Problem{source.Problemf("serializable", "no workload has kv: %s", e.Of)}
	case streams > 1 && e.Of == kvload.Bank:
		return []source.Problem{source.Problemf("serializable", "%d workloads are banks; audits can be judged of one", streams)}
	}
	return nil
}

// Judge implements [scenarios.Expectation].
func (e *Serializable) Judge(h *observed.History) []scenarios.Outcome {
	name := "serializable transactions (" + e.Of + ")"
	if SeenBy(h) == nil {
		return []scenarios.Outcome{scenarios.Undecided(name, "no clients of a key-value cluster were seen")}
	}
	if e.Of == kvload.Bank {
		return []scenarios.Outcome{e.bank(name, h)}
	}
	return []scenarios.Outcome{e.lists(name, h)}
}

func (e *Serializable) lists(name string, h *observed.History) scenarios.Outcome {
	r := check.Transactions(SeenBy(h).Txns, failovers(h), check.TxnFloor{Txns: e.AtLeast, Overlaps: e.Overlaps})
	o := scenarios.Outcome{Name: name, Verdict: verdictOf(r.Verdict), Observed: scenarios.Number(float64(len(r.Anomalies))), Limit: scenarios.Number(0), Margin: scenarios.Number(float64(-len(r.Anomalies))),
		Reason: fmt.Sprintf("%d transactions with %d reads and %d appends on %d lists, of which %d overlapped another, %d met another; %d new primaries meanwhile",
			r.Txns, r.Reads, r.Appends, r.Keys, r.Overlaps, SeenBy(h).Conflicts, r.Failovers)}
	switch r.Verdict {
	case check.Fail:
		o.Reason = fmt.Sprintf("%s\n%s", excerpt(r.Anomalies[0].String()), o.Reason)
		o.Drawing = r.Anomalies[0].SVG()
	case check.Undecided:
		o.Observed, o.Margin = nil, nil
		o.Reason = r.Why + "; " + o.Reason
	}
	return o
}

func (e *Serializable) bank(name string, h *observed.History) scenarios.Outcome {
	k := SeenBy(h)
	r := check.Bank(k.Audits, k.Accounts, k.Sum, k.Transfers, failovers(h), check.BankFloor{Audits: e.Audits, Transfers: e.AtLeast})
	o := scenarios.Outcome{Name: name, Verdict: verdictOf(r.Verdict), Observed: scenarios.Number(float64(len(r.Wrong))), Limit: scenarios.Number(0), Margin: scenarios.Number(float64(-len(r.Wrong))),
		Reason: fmt.Sprintf("%d audits of %d accounts, %d transfers committed, %d transactions met another; %d new primaries meanwhile",
			r.Audits, k.Accounts, r.Transfers, k.Conflicts, r.Failovers)}
	if r.Why != "" {
		o.Reason = r.Why + "; " + o.Reason
	}
	if r.Verdict == check.Undecided {
		o.Observed, o.Margin = nil, nil
	}
	return o
}
