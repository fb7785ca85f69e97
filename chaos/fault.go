package chaos

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/shardquake/shardquake/internal/source"
)

// Fault is one kind of trouble with its parameters, as a scenario file has it.
type Fault interface {
	// Kind is the fault's name in files and reports.
	Kind() string
	// Check returns what is wrong with the parameters for a cluster of this shape;
	// paths are relative to the fault ("between[0]").
	Check(Topology) []source.Problem
	// Lasts is how long the fault stays; 0: for good, or until the run heals it.
	Lasts() time.Duration
	// Resolve turns selectors ("master") into the names they mean now, and the fault
	// into primitives.
	Resolve(View) (Resolved, error)
}

// Resolved is a fault at the moment it strikes.
type Resolved struct {
	// Fault has concrete names where the file had selectors.
	Fault Fault
	// Victims are the endpoints at which the fault is aimed.
	Victims []string
	// Primitives are what to do, in order; healing undoes them in reverse.
	Primitives []Primitive
}

// The systems that a kind of fault may be for, as scenario files call them.
const (
	Elasticsearch = "elasticsearch"
	KeyValue      = "kv"
)

// Kind describes a fault: for the plan's reader, the schema, the help and for whoever asks
// what a kind is like without knowing it.
type Kind struct {
	Name  string
	About string
	// Systems are the kinds of cluster that it is for.
	Systems []string
	// FromForce: nothing can follow from the fault before it is in force, so that what
	// follows is counted from then. Of a changed setting or a process started the effect may
	// come before the call returns.
	FromForce bool
	// Ails: while it is in force nobody may rely on its victims.
	Ails bool
	New  func() Fault
	// Draw makes one with parameters of chance; nil where this cluster has nothing to do it
	// to. Without Draw random plans don't have the kind.
	Draw func(*Dice) Fault
}

// For reports whether the kind is for clusters of a system.
func (k Kind) For(system string) bool { return slices.Contains(k.Systems, system) }

// both are all systems.
func both() []string { return []string{Elasticsearch, KeyValue} }

// foreignKinds are those of other modules. They are known before anything is read, and stay:
// nothing that happens in a run changes them.
var foreignKinds struct { //determinism:allow package-state a program registers its kinds before it reads a scenario
	sync.Mutex
	kinds []Kind
}

// Register makes a kind of another module known to the whole program, before the first file is
// read that names it. A kind that is registered again replaces the one before.
func Register(k Kind) error {
	if k.Name == "" || k.New == nil || k.New() == nil {
		return fmt.Errorf("a kind of fault needs a name and New; got %q", k.Name)
	}
	if got := k.New().Kind(); got != k.Name {
		return fmt.Errorf("the kind %q makes faults that call themselves %q", k.Name, got)
	}
	if slices.ContainsFunc(shipped(), func(s Kind) bool { return s.Name == k.Name }) {
		return fmt.Errorf("there is a kind of fault %q already", k.Name)
	}
	if len(k.Systems) == 0 {
		k.Systems = both()
	}
	foreignKinds.Lock()
	defer foreignKinds.Unlock()
	kinds := slices.DeleteFunc(slices.Clone(foreignKinds.kinds), func(o Kind) bool { return o.Name == k.Name })
	foreignKinds.kinds = append(kinds, k)
	return nil
}

// Kinds are all faults there are: those shipped in the order of the documentation, then those
// of other modules.
func Kinds() []Kind {
	foreignKinds.Lock()
	defer foreignKinds.Unlock()
	return append(shipped(), foreignKinds.kinds...)
}

// shipped are those of this package. A new fault is a file and a line here.
func shipped() []Kind {
	return []Kind{
		nodeLoss(), partition(), link(), diskPressure(), diskSlow(), snapshot(), split(), move(), drain(), corruption(), nodeJoin(),
		settingsChange(), createIndex(), deleteIndex(), alias(), closeIndex(), openIndex(), putTemplate(), putPolicy(), rollOver(), forceMerge(), reroute(), restore(), votingExclusion(), shutdown(), controllerLoss(), apiErrors(), clockJump(),
	}
}

// KindOf returns the kind of a name; without a name, and of systems of none, where there
// is no such kind.
func KindOf(name string) Kind {
	for _, k := range Kinds() {
		if k.Name == name {
			return k
		}
	}
	return Kind{}
}

// New makes an empty fault of a kind, nil when there is none of that name.
func New(kind string) Fault {
	if k := KindOf(kind); k.New != nil {
		return k.New()
	}
	return nil
}

// KindNames are the names of all faults.
func KindNames() []string {
	var out []string
	for _, k := range Kinds() {
		out = append(out, k.Name)
	}
	return out
}

// BlastRadius is what a fault can reach, for the preview of a plan.
func BlastRadius(r Resolved, all []string) string {
	hit := slices.Clone(r.Victims)
	slices.Sort(hit)
	hit = slices.Compact(hit)
	steps := "primitives"
	if len(r.Primitives) == 1 {
		steps = "primitive"
	}
	return fmt.Sprintf("%d of %d nodes %v, %d %s", len(hit), len(all), hit, len(r.Primitives), steps)
}
