package consistency

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/policy"
)

// Actor is the checker's name in audit records.
const Actor = "consistency-checker"

// ReportInconsistency is what a checker does about copies that differ: it says so. Which
// copy is right is for a person to decide.
const ReportInconsistency policy.Action = "report-inconsistency"

// Differing are the copies that don't hold what the others do, as "logs[0] on n2".
func (r Report) Differing() []string {
	var out []string
	for _, s := range r.Shards {
		for _, f := range s.Findings {
			if f.Verdict == Inconsistent && f.Node != "" {
				out = append(out, fmt.Sprintf("%s[%d] on %s", r.Index, s.Shard, f.Node))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// record is the audit record of a round: what was compared, and what was found.
func record(desk *controller.Desk, reports []Report, failure error) {
	d := desk.Begin(Actor)
	var copies, documents int64
	var unknown []string
	for _, r := range reports {
		d.Found = append(d.Found, r.Differing()...)
		if r.Verdict == Unknown {
			unknown = append(unknown, r.Index)
		}
		for _, s := range r.Shards {
			copies += int64(len(s.Copies))
			for _, c := range s.Copies {
				documents += max(0, c.Compared)
			}
		}
	}
	d.Observed = controller.Numbers("indices", float64(len(reports)), "copies", float64(copies), "documents", float64(documents), "differing", float64(len(d.Found)))
	d.Reason = "the copies that were compared agree"
	if len(unknown) > 0 {
		d.Reason += "; not decided: " + strings.Join(unknown, ", ")
	}
	if len(d.Found) > 0 {
		d.Decided = append(d.Decided, ReportInconsistency)
		d.Reason = "copies that differ from the others: " + strings.Join(d.Found, ", ")
	}
	if failure != nil {
		d.Reason += "; broken off: " + failure.Error()
	}
	desk.Record(d)
}

// blame names the primary instead of its replicas where those agree with each other and
// all differ from it, by the same kind of finding: then it is the odd one out.
func (r *ShardReport) blame(kind string, primary string, replicas int, agree bool, text string) {
	if replicas < 2 || !agree {
		return
	}
	var of []Finding
	for _, f := range r.Findings {
		if f.Kind == kind && f.Verdict == Inconsistent {
			of = append(of, f)
		}
	}
	if len(of) != replicas {
		return
	}
	r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool { return f.Kind == kind && f.Verdict == Inconsistent })
	odd := of[0]
	odd.Node, odd.Text = primary, text
	r.Findings = append(r.Findings, odd)
}
