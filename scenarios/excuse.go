package scenarios

import (
	"fmt"
	"strings"
	"time"

	"github.com/shardquake/shardquake/scenarios/observed"
)

// Watched is implemented by clusters that tell what their machine did since t=0.
type Watched interface {
	// MachineBegin is t=0.
	MachineBegin()
	Machine() observed.Machine
}

// Timely is implemented by expectations whose outcome hangs on how fast the machine is, though
// its unit is no time.
type Timely interface{ Timely() }

// excuse leaves undecided what the machine may explain: anything where a part of the cluster
// died that the plan had not killed, and what took too long on a machine that was busy otherwise.
func (o *Outcome) excuse(h *observed.History, timely bool) {
	if o.Verdict != Fail {
		return
	}
	var why []string
	timely = timely || o.Unit == "s" || o.Unit == "ms"
	if timely && h.Stalled > 0 {
		why = append(why, fmt.Sprintf("the machine itself stood still for %s of the run", h.Stalled.Round(time.Millisecond)))
	}
	if timely {
		why = append(why, h.Machine.Strained...)
	}
	for _, d := range h.Machine.Died {
		why = append(why, "outside the plan "+d)
	}
	if len(why) > 0 {
		o.Verdict = Unknown
		o.Reason += "; but " + strings.Join(why, "; ")
	}
}
