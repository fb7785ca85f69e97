// Command condense turns recorded timelines into the compact copy that tests compare
// with: go run ./reports/fidelity/condense DIR > reports/fidelity/testdata/recorded.jsonl
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/shardquake/shardquake/reports/fidelity"
)

func main() {
	if len(os.Args) != 2 { //determinism:allow machine a tool for developers, outside any run
		fmt.Fprintln(os.Stderr, "usage: condense DIR, the folder with the recorded timelines P*.json.gz")
		os.Exit(2)
	}
	if err := condense(os.Args[1]); err != nil { //determinism:allow machine see above
		fmt.Fprintln(os.Stderr, "condense: "+err.Error())
		os.Exit(1)
	}
}

func condense(dir string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "P*.json.gz"))
	if err != nil {
		return err
	}
	var all []*fidelity.Recording
	for _, p := range paths {
		r, err := fidelity.ReadRecording(p)
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	runs, err := fidelity.Condense(all)
	if err != nil {
		return err
	}
	return fidelity.WriteRuns(os.Stdout, runs)
}
