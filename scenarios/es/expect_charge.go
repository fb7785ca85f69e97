package es

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// OneInCharge expects that no controller acts after another one has taken the lead from it.
type OneInCharge struct {
	When string `yaml:"one-in-charge" jsonschema:"required,enum=always"`
}

// Kind implements [scenarios.Expectation].
func (*OneInCharge) Kind() string { return "one-in-charge" }

// Check implements [scenarios.Expectation].
func (e *OneInCharge) Check(s *scenarios.Scenario) []source.Problem {
	switch {
	case e.When != "always":
		return []source.Problem{source.Problemf("one-in-charge", "%s", source.Unknown("moment", e.When, []string{"always"}))}
	case len(s.ControllerNames()) < 2:
		return []source.Problem{source.Problemf("one-in-charge", "there are not two controllers that could both act; expected controller: with count: and lease:")}
	}
	return nil
}

// Judge implements [scenarios.Expectation].
func (e *OneInCharge) Judge(h *observed.History) []scenarios.Outcome {
	const name = "one controller in charge"
	leader, changes := "", 0
	for _, d := range h.Decisions {
		takes := strings.Contains(d.Decided, "take-lead") || strings.Contains(d.Decided, "take-over")
		switch {
		case d.Shadow || !d.Acted:
		case takes:
			changes++
			leader = d.Controller
		case leader != "" && d.Controller != leader:
			return []scenarios.Outcome{{Name: name, Verdict: scenarios.Fail, At: scenarios.Seconds(d.At),
				Reason: fmt.Sprintf("%s did %q though %s had taken the lead", d.Controller, d.Decided, leader)}}
		}
	}
	if changes == 0 {
		return []scenarios.Outcome{scenarios.Idled(name, "nobody took the lead")}
	}
	return []scenarios.Outcome{{Name: name, Verdict: scenarios.Pass, Observed: scenarios.Number(0), Limit: scenarios.Number(0), Margin: scenarios.Number(0),
		Reason: fmt.Sprintf("the lead was taken %d times, and nobody acted after it had been taken from them", changes)}}
}

// SettingsKept expects the cluster's settings whose names begin so to be at the end what
// they were at t=0: whoever has changed one has put it back.
type SettingsKept struct {
	Prefix string `yaml:"settings-kept" jsonschema:"required,description=the beginning of the settings' names such as indices.recovery."`
}

// Kind implements [scenarios.Expectation].
func (*SettingsKept) Kind() string { return "settings-kept" }

// Check implements [scenarios.Expectation].
func (e *SettingsKept) Check(*scenarios.Scenario) []source.Problem {
	if e.Prefix == "" {
		return []source.Problem{source.Problemf("settings-kept", "expected the beginning of settings' names, such as indices.recovery.")}
	}
	return nil
}

// wantsSettings is whether somebody expects something of the cluster's settings.
func (e *session) wantsSettings() bool {
	return slices.ContainsFunc(e.r.Scenario().Expect, func(x scenarios.Expect) bool { _, is := x.Expectation.(*SettingsKept); return is })
}

// lookAtSettings are the cluster's settings now.
func (e *session) lookAtSettings(ctx context.Context) (map[string]string, error) {
	limited, cancel := e.r.Clock().WithTimeout(ctx, agreeLimit)
	defer cancel()
	var last error
	for _, n := range e.tracers.nodes {
		status, data, err := e.tracers.call(limited, http.MethodGet, n, "/_cluster/settings?flat_settings=true")
		var answer struct{ Persistent, Transient map[string]string }
		switch {
		case err != nil:
			last = err
			continue
		case status != http.StatusOK:
			last = fmt.Errorf("_cluster/settings: %d %s", status, data)
			continue
		}
		if err := json.Unmarshal(data, &answer); err != nil {
			return nil, fmt.Errorf("_cluster/settings: %w", err)
		}
		out := map[string]string{}
		maps.Copy(out, answer.Persistent)
		maps.Copy(out, answer.Transient) // it overrules
		return out, nil
	}
	return nil, last
}

// Judge implements [scenarios.Expectation].
func (e *SettingsKept) Judge(h *observed.History) []scenarios.Outcome {
	name := "settings " + e.Prefix + "… kept"
	s, looked := h.Own.(*sight)
	if !looked || s.before == nil || s.after == nil {
		return []scenarios.Outcome{scenarios.Undecided(name, "the settings could not be looked at, at t=0 and at the end")}
	}
	var changed []string
	all := maps.Clone(s.before)
	maps.Copy(all, s.after)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if was, is := s.before[key], s.after[key]; strings.HasPrefix(key, e.Prefix) && was != is {
			changed = append(changed, fmt.Sprintf("%s was %q and is %q", key, was, is))
		}
	}
	n := float64(len(changed))
	o := scenarios.Outcome{Name: name, Verdict: scenarios.Pass, Observed: scenarios.Number(n), Limit: scenarios.Number(0), Margin: scenarios.Number(0 - n), Reason: "they are what they were at t=0"}
	if n > 0 {
		o.Verdict, o.Reason = scenarios.Fail, strings.Join(changed, "; ")
	}
	return []scenarios.Outcome{o}
}
