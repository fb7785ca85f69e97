// Command buildcost measures what a first build costs: it builds a package with an empty
// cache and prints the processor time, in total and by the modules that it went into.
//
// With -most it fails when the share of one module, the standard library and this module
// apart, is above that: a dependency that costs so much is to be looked at. C code counts too,
// where there is a compiler for it.
package main

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	most := flag.Float64("most", 0, "fail when a dependency takes more than this `share` of the time, 0 to 1; 0: never")
	flag.Parse()
	pkg := "./cmd/shardquake"
	if flag.NArg() > 0 {
		pkg = flag.Arg(0)
	}
	if err := run(pkg, *most); err != nil {
		fmt.Fprintln(os.Stderr, "buildcost:", err)
		os.Exit(1)
	}
}

func run(pkg string, most float64) error {
	dir, err := os.MkdirTemp("", "buildcost")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // of the system's folder for such things
	graph := filepath.Join(dir, "actions.json")
	cmd := exec.Command("go", "build", "-debug-actiongraph="+graph, "-o", filepath.Join(dir, "out"), pkg)
	cmd.Env = append(os.Environ(), "GOCACHE="+filepath.Join(dir, "cache"))
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go build: %w", err)
	}
	text, err := os.ReadFile(graph)
	if err != nil {
		return err
	}
	costs, err := parse(text)
	if err != nil {
		return err
	}
	fmt.Printf("cold build of %s: %.0f s user, %.0f s system\n", pkg, cmd.ProcessState.UserTime().Seconds(), cmd.ProcessState.SystemTime().Seconds())
	const shown = 12
	for _, c := range costs[:min(shown, len(costs))] {
		fmt.Printf("%8.1f s  %4.1f %%  %s\n", c.User.Seconds(), 100*c.Share, c.Module)
	}
	for _, c := range costs {
		if most > 0 && c.Share > most && c.Module != standard && c.Module != own {
			return fmt.Errorf("%s takes %.0f %% of the build, more than %.0f %%", c.Module, 100*c.Share, 100*most)
		}
	}
	return nil
}

const (
	standard = "standard library"
	own      = "github.com/shardquake/shardquake"
)

// cost is the processor time that went into a module.
type cost struct {
	Module string
	User   time.Duration
	Share  float64 // of all
}

// parse reads the graph of actions that the go command writes, the dearest module first.
func parse(text []byte) ([]cost, error) {
	var actions []struct {
		Package string
		CmdUser time.Duration
	}
	if err := json.Unmarshal(text, &actions); err != nil {
		return nil, fmt.Errorf("action graph: %w", err)
	}
	by, sum := map[string]time.Duration{}, time.Duration(0)
	for _, a := range actions {
		by[moduleOf(a.Package)] += a.CmdUser
		sum += a.CmdUser
	}
	var out []cost
	for _, m := range slices.Sorted(maps.Keys(by)) {
		out = append(out, cost{m, by[m], float64(by[m]) / float64(max(sum, 1))})
	}
	slices.SortStableFunc(out, func(a, b cost) int { return cmp.Compare(b.User, a.User) })
	return out, nil
}

// moduleOf names the module of a package well enough for a table: the first elements of
// its path.
func moduleOf(pkg string) string {
	parts := strings.Split(pkg, "/")
	switch {
	case !strings.Contains(parts[0], "."):
		return standard
	case len(parts) > 3:
		parts = parts[:3]
	}
	return strings.Join(parts, "/")
}
