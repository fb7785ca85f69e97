package packagestate

import (
	"errors"
	"flag"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
)

var counter int // want `package-level counter is written to \(packagestate.go:\d+\): keep it in a struct that the run makes \(package-state: `

var (
	cache   = map[string]int{}     // want `package-level cache is written to`
	names   = []string{"b", "a"}   // want `package-level names is written to`
	current struct{ n int }        // want `package-level current is written to`
	shared  = &struct{ n int }{}   // want `package-level shared is written to`
	seen    map[string]bool        // want `package-level seen is written to`
	total   tally                  // want `package-level total is written to`
	mu      sync.Mutex             // want `package-level mu holds state by its type`
	hits    atomic.Int64           // want `package-level hits holds state by its type`
	guarded struct{ sync.RWMutex } // want `package-level guarded holds state by its type`
	verbose bool                   // want `package-level verbose is written to`
)

type tally int

func (t *tally) add() { *t++ }

func broken() {
	counter++
	cache["a"] = 1
	slices.Sort(names)
	current.n = 1
	shared.n = 1
	delete(seen, "a")
	total.add()
	mu.Lock()
	hits.Add(1)
	flag.BoolVar(&verbose, "v", false, "")
	flag.Usage = nil // want `write to flag.Usage`
}

var (
	errLost = errors.New("lost")
	pattern = regexp.MustCompile("^n[0-9]+$")
	table   = map[string]int{"a": 1}
	squares [4]int
	once    = sync.OnceValue(func() int { return 1 })
	//determinism:allow package-state filled by init functions only
	registry = map[string]func(){}
)

func init() {
	for i := range squares {
		squares[i] = i * i
	}
}

func register(name string, f func()) { registry[name] = f }

func kept(name string) (int, error) {
	table := map[string]int{}
	table[name] = 2
	entry := &squares[0]
	if pattern.MatchString(name) {
		return *entry + once(), errLost
	}
	return table[name], nil
}
