// Command detcheck runs the determinism analyzer over packages of this module:
//
//	go run ./internal/determinism/cmd/detcheck ./...
//
// It prints a line for each finding (what, what to do instead, and why) and a
// closing line, and exits with 1 when there are findings and 2 when a package
// can't be loaded or doesn't compile. With -fix it writes the suggested fixes (the
// rounding of float products) to the files. With -rules it lists the rules, with
// -scope the packages held to them.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/packages"

	"github.com/shardquake/shardquake/internal/determinism"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, out, errs io.Writer) int {
	flags := flag.NewFlagSet("detcheck", flag.ContinueOnError)
	flags.SetOutput(errs)
	fix := flags.Bool("fix", false, "write the suggested fixes to the files")
	rules := flags.Bool("rules", false, "list the rules and why they are there")
	scope := flags.Bool("scope", false, "list the packages that are held to rules")
	flags.Usage = func() {
		fmt.Fprintln(errs, "usage: detcheck [-fix] [-rules] [-scope] [packages]")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *rules {
		listRules(out)
		return 0
	}
	if *scope {
		listScope(out)
		return 0
	}
	patterns := flags.Args()
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	findings, judged, broken, err := analyse(patterns, errs)
	if err != nil {
		fmt.Fprintln(errs, "detcheck:", err)
		return 2
	}
	if *fix {
		if findings, err = applyFixes(findings); err != nil {
			fmt.Fprintln(errs, "detcheck:", err)
			return 2
		}
	}
	status := print(out, findings, judged)
	if len(broken) > 0 {
		fmt.Fprintln(errs, "detcheck: not judged, for they don't compile:", strings.Join(broken, " "))
		return 2
	}
	return status
}

func listRules(out io.Writer) {
	for _, r := range determinism.Rules {
		fmt.Fprintf(out, "%-14s %s\n", r.Name, r.Why)
	}
}

func listScope(out io.Writer) {
	for _, s := range determinism.Packages {
		rules := fmt.Sprintf("%d rules", len(s.Rules))
		if len(s.Rules) == 0 {
			rules = "none"
		}
		fmt.Fprintf(out, "%-22s %-9s %s\n", s.Path+"/...", rules, s.Why)
	}
}

// A finding is a diagnostic with the package that it was made in.
type finding struct {
	analysis.Diagnostic
	pkg *packages.Package
}

// analyse loads the packages and runs the analyzer over those that are held to
// rules. It gives the findings in the order of packages and positions, the number
// of packages judged, and the paths of those that don't compile.
func analyse(patterns []string, errs io.Writer) (findings []finding, judged int, broken []string, err error) {
	loaded, err := packages.Load(&packages.Config{Mode: packages.LoadSyntax | packages.NeedModule}, patterns...)
	if err != nil {
		return nil, 0, nil, fmt.Errorf("load packages: %w", err)
	}
	var held []*packages.Package
	for _, p := range loaded {
		switch {
		case p.IllTyped || len(p.Errors) > 0:
			for _, e := range p.Errors {
				fmt.Fprintln(errs, e)
			}
			broken = append(broken, p.PkgPath)
		case len(determinism.RulesFor(p.PkgPath)) > 0:
			held = append(held, p)
		}
	}
	graph, err := checker.Analyze([]*analysis.Analyzer{determinism.Analyzer}, held, nil)
	if err != nil {
		return nil, 0, nil, fmt.Errorf("analyse: %w", err)
	}
	for _, action := range graph.Roots {
		if action.Err != nil {
			return nil, 0, nil, fmt.Errorf("analyse %s: %w", action.Package.PkgPath, action.Err)
		}
		for _, d := range action.Diagnostics {
			findings = append(findings, finding{d, action.Package})
		}
	}
	return findings, len(held), broken, nil
}

// print writes the findings and the closing line, and gives the exit status.
func print(out io.Writer, findings []finding, judged int) int {
	here, _ := os.Getwd()
	broken := make(map[*packages.Package]bool)
	for _, f := range findings {
		at := f.pkg.Fset.Position(f.Pos)
		if rel, err := filepath.Rel(here, at.Filename); err == nil && filepath.IsLocal(rel) {
			at.Filename = rel
		}
		fmt.Fprintf(out, "%s: %s\n", at, f.Message)
		broken[f.pkg] = true
	}
	if len(findings) == 0 {
		fmt.Fprintf(out, "detcheck: no findings in %d packages\n", judged)
		return 0
	}
	fmt.Fprintf(out, "detcheck: %d findings in %d of %d packages; an exception needs a reason: //determinism:allow RULE reason\n",
		len(findings), len(broken), judged)
	return 1
}
