package chaos

import (
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// ControllerLoss takes an instance of the controller away: killed in the middle of
// what it does, or asked to end. After a time it may be started again.
type ControllerLoss struct {
	Controller string         `yaml:"controller,omitempty" json:"controller,omitempty" jsonschema:"description=controller (the default) or controller-2 …"`
	How        string         `yaml:"how,omitempty" json:"how,omitempty" jsonschema:"enum=kill,enum=stop,description=kill (the default) or stop (gracefully)"`
	For        units.Duration `yaml:"for,omitempty" json:"for,omitempty" jsonschema:"description=how long; absent: for good"`
}

func controllerLoss() Kind {
	return Kind{
		Name: "controller-loss", About: "an instance of the controller is killed or stopped",
		Systems: []string{Elasticsearch},
		New:     func() Fault { return &ControllerLoss{} },
		Draw: func(d *Dice) Fault {
			if len(d.Topology.Controllers) == 0 {
				return nil
			}
			return &ControllerLoss{Controller: Pick(d, d.Topology.Controllers...), How: Pick(d, howKill, howStop), For: d.Lasting()}
		},
	}
}

// Kind implements [Fault].
func (*ControllerLoss) Kind() string { return "controller-loss" }

// Lasts implements [Fault].
func (f *ControllerLoss) Lasts() time.Duration { return f.For.D() }

// Permanent implements [Permanent].
func (f *ControllerLoss) Permanent() bool { return f.For == 0 }

// Check implements [Fault].
func (f *ControllerLoss) Check(t Topology) []source.Problem {
	ps := checkController(f.Controller, t)
	switch f.How {
	case "", howKill, howStop:
	default:
		ps = append(ps, source.Problemf("how", "%s", source.Unknown("way to lose a controller", f.How, []string{howKill, howStop})))
	}
	return ps
}

// Resolve implements [Fault].
func (f *ControllerLoss) Resolve(v View) (Resolved, error) {
	name, how := controllerOr(f.Controller), f.How
	if !slices.Contains(v.Topology().Controllers, name) {
		return Resolved{}, fmt.Errorf("there is no controller %q", name)
	}
	if how == "" {
		how = howKill
	}
	return Resolved{
		Fault: &ControllerLoss{Controller: name, How: how, For: f.For}, Victims: []string{name},
		Primitives: []Primitive{loseProcess{node: name, how: how}},
	}, nil
}
