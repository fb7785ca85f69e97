package fidelity

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/shardquake/shardquake/reports/score"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Labelled is a run of a scenario, a line of a compact file.
type Labelled struct {
	Scenario string
	Run      Run
}

// line is a run in a compact file: one JSON object a line.
type line struct {
	Scenario   string       `json:"scenario"`
	Label      string       `json:"label"`
	Phases     []linePhase  `json:"phases"`
	Recoveries [][3]float64 `json:"recoveries,omitempty"` // bytes copied, start and stop in seconds; by files only
}

type linePhase struct {
	Name   string             `json:"name"`
	Values map[string]float64 `json:"values"`
	Moves  []string           `json:"moves,omitempty"`
}

// inOrder are all quantities, as tables show them.
func inOrder() []struct {
	Name string
	Unit Unit
} {
	return []struct {
		Name string
		Unit Unit
	}{
		{NodeRemoved, Seconds}, {NodeJoined, Seconds}, {MasterLost, Seconds}, {NewMaster, Seconds}, {BlockSeen, Seconds},
		{BlockGone, Seconds}, {NotGreen, Seconds}, {Red, Seconds}, {PrimariesActive, Seconds}, {FirstInitializing, Seconds},
		{FirstRelocating, Seconds}, {Green, Seconds}, {Balanced, Seconds}, {FileRecoveries, Count}, {OpsRecoveries, Count},
		{LocalRecoveries, Count}, {BytesCopied, Bytes}, {OpsReplayed, Operations}, {FirstRecoveryStart, Seconds},
		{LastRecoveryStop, Seconds}, {Recovering, Seconds}, {Relocations, Count}, {Promotions, Count}, {DelayToInitializing, Seconds},
		{BalancedAfterJoin, Seconds},
	}
}

// WriteRuns writes runs in a compact form.
func WriteRuns(out io.Writer, runs []Labelled) error {
	for _, l := range runs {
		c := line{Scenario: l.Scenario, Label: l.Run.Label}
		for _, p := range l.Run.Phases {
			values := make(map[string]float64)
			for _, q := range p.Quantities {
				values[q.Name] = q.Value
			}
			c.Phases = append(c.Phases, linePhase{p.Name, values, p.Moves})
		}
		for _, r := range l.Run.Recoveries {
			if r.Kind == "files" {
				c.Recoveries = append(c.Recoveries, [3]float64{float64(r.Bytes), inSeconds(r.Start), inSeconds(r.Stop)})
			}
		}
		text, err := json.Marshal(c)
		if err != nil {
			return err
		}
		if _, err := out.Write(append(text, '\n')); err != nil {
			return err
		}
	}
	return nil
}

func inSeconds(d time.Duration) float64 { return score.Round(d.Seconds()) }

// ReadRuns reads what WriteRuns wrote.
func ReadRuns(in io.Reader) ([]Labelled, error) {
	var out []Labelled
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var c line
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		run := Run{Label: c.Label}
		for _, p := range c.Phases {
			phase := Phase{Name: p.Name, Moves: p.Moves}
			left := maps.Clone(p.Values)
			for _, q := range inOrder() {
				if v, ok := left[q.Name]; ok {
					phase.Quantities = append(phase.Quantities, Quantity{q.Name, q.Unit, v})
					delete(left, q.Name)
				}
			}
			if len(left) > 0 {
				return nil, fmt.Errorf("line %d: unknown quantities %v", n, slices.Sorted(maps.Keys(left)))
			}
			run.Phases = append(run.Phases, phase)
		}
		for _, r := range c.Recoveries {
			run.Recoveries = append(run.Recoveries, observed.Recovery{Kind: "files", Stage: "DONE", Bytes: int64(r[0]), Start: since(r[1]), Stop: since(r[2])})
		}
		out = append(out, Labelled{c.Scenario, run})
	}
	return out, lines.Err()
}
