package consistency

import (
	"fmt"
	"strings"
	"time"
)

// Verdict is what a check has found out.
type Verdict string

// The verdicts, from best to worst.
const (
	Consistent   Verdict = "consistent"
	Unknown      Verdict = "unknown" // could not be decided
	Inconsistent Verdict = "inconsistent"
)

// worse is the worse of two verdicts.
func (v Verdict) worse(o Verdict) Verdict {
	rank := func(x Verdict) int {
		switch x {
		case Inconsistent:
			return 2
		case Unknown:
			return 1
		}
		return 0
	}
	if rank(o) > rank(v) {
		return o
	}
	return v
}

// Report is the result of checking one index.
type Report struct {
	Index   string        `json:"index"`
	At      time.Time     `json:"at"`
	Took    time.Duration `json:"took_ns"`
	Verdict Verdict       `json:"verdict"`
	Shards  []ShardReport `json:"shards"`
	Error   string        `json:"error,omitempty"` // why the check ended early
}

// ShardReport is the result of one shard.
type ShardReport struct {
	Shard   int          `json:"shard"`
	Verdict Verdict      `json:"verdict"`
	Copies  []CopyReport `json:"copies"`
	// Findings explain the verdict; a consistent shard may have notices.
	Findings []Finding `json:"findings"`
}

// CopyReport is what a copy holds.
type CopyReport struct {
	Node             string `json:"node"`
	Primary          bool   `json:"primary"`
	State            string `json:"state"`
	Docs             int64  `json:"docs"`        // -1 unknown
	StoreBytes       int64  `json:"store_bytes"` // -1 unknown
	MaxSeqNo         int64  `json:"max_seq_no"`
	LocalCheckpoint  int64  `json:"local_checkpoint"`
	GlobalCheckpoint int64  `json:"global_checkpoint"`
	// Compared counts the documents whose content was read; -1: content was not read.
	Compared int64 `json:"compared"`
	// Digest of that content, equal on copies with equal content.
	Digest string `json:"digest,omitempty"`
}

// Finding is something noticed about a shard.
type Finding struct {
	// Kind is documents, sequence-numbers, checkpoint, content, store-size, copies.
	Kind string `json:"kind"`
	// Verdict is what the finding means: Consistent for a mere notice.
	Verdict Verdict  `json:"verdict"`
	Node    string   `json:"node,omitempty"` // of the copy that differs from the primary
	Text    string   `json:"text"`
	IDs     []string `json:"ids,omitempty"` // documents, the first few
	Count   int      `json:"count,omitempty"`
}

// add notes a finding.
func (s *ShardReport) add(f Finding) {
	s.Findings = append(s.Findings, f)
	s.Verdict = s.Verdict.worse(f.Verdict)
}

// Text is the report for people: a line for the index and one per finding.
func (r Report) Text() string {
	var b strings.Builder
	copies, documents := 0, int64(0)
	for _, s := range r.Shards {
		copies += len(s.Copies)
		for _, c := range s.Copies {
			documents += max(0, c.Compared)
		}
	}
	fmt.Fprintf(&b, "[CONSISTENCY] %s: %s (%d shards, %d copies, %d documents compared in %v)\n", r.Index, r.Verdict, len(r.Shards), copies, documents, r.Took.Round(time.Millisecond))
	for _, s := range r.Shards {
		for _, f := range s.Findings {
			where := fmt.Sprintf("%s[%d]", r.Index, s.Shard)
			if f.Node != "" {
				where += " on " + f.Node
			}
			fmt.Fprintf(&b, "[CONSISTENCY] %s: %s, %s: %s", where, f.Kind, f.Verdict, f.Text)
			if len(f.IDs) > 0 {
				fmt.Fprintf(&b, " (%s", strings.Join(f.IDs, ", "))
				if more := f.Count - len(f.IDs); more > 0 {
					fmt.Fprintf(&b, " and %d more", more)
				}
				b.WriteString(")")
			}
			b.WriteByte('\n')
		}
	}
	if r.Error != "" {
		fmt.Fprintf(&b, "[CONSISTENCY] %s: broken off: %s\n", r.Index, r.Error)
	}
	return b.String()
}
