// Command crosscheck type-checks the module, tests included, as it is compiled on other
// operating systems, given as arguments such as windows/amd64.
//
// It finds what go vet and go test -c for that system would find in a file that doesn't
// compile, in seconds: dependencies are read for their declarations only, where the
// compiler would build each of them once more.
package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"runtime"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	failed := false
	for _, target := range os.Args[1:] {
		n, err := check(".", target)
		if err != nil {
			fmt.Fprintf(os.Stderr, "crosscheck: %s: %v\n", target, err)
			failed = true
			continue
		}
		fmt.Printf("crosscheck: %s: %d packages\n", target, n)
	}
	if failed {
		os.Exit(1)
	}
}

// check type-checks the packages of a folder's module for a target, and counts them.
func check(dir, target string) (int, error) {
	goos, goarch, ok := strings.Cut(target, "/")
	if !ok {
		return 0, errors.New("want a system and an architecture, such as windows/amd64")
	}
	fset := token.NewFileSet()
	roots, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedDeps | packages.NeedModule,
		Dir:  dir, Fset: fset, Tests: true, Env: append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0"),
	}, "./...")
	if err != nil {
		return 0, err
	}
	c := checker{fset: fset, sizes: types.SizesFor("gc", goarch), done: map[string]*types.Package{}}
	if c.sizes == nil {
		return 0, fmt.Errorf("unknown architecture %q", goarch)
	}
	for _, p := range roots {
		c.packageOf(p)
	}
	return c.own, errors.Join(c.errs...)
}

// checker holds what was checked. A package of tests has an id of its own.
type checker struct {
	fset  *token.FileSet
	sizes types.Sizes
	done  map[string]*types.Package
	own   int
	errs  []error
}

func (c *checker) packageOf(p *packages.Package) *types.Package {
	if p.PkgPath == "unsafe" {
		return types.Unsafe
	}
	if done, ok := c.done[p.ID]; ok {
		return done
	}
	own := p.Module != nil && p.Module.Main
	for _, e := range p.Errors {
		c.errs = append(c.errs, e)
	}
	var files []*ast.File
	for _, name := range p.CompiledGoFiles {
		if !strings.HasSuffix(name, ".go") {
			continue // assembler
		}
		f, err := parser.ParseFile(c.fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			c.errs = append(c.errs, err)
			continue
		}
		files = append(files, f)
	}
	imports := importer(func(path string) (*types.Package, error) {
		if q, ok := p.Imports[path]; ok {
			return c.packageOf(q), nil
		}
		return nil, fmt.Errorf("%s imports %s, which isn't there", p.PkgPath, path)
	})
	cfg := types.Config{
		Importer: imports, Sizes: c.sizes, IgnoreFuncBodies: !own, FakeImportC: true, GoVersion: languageOf(p),
		Error: func(err error) {
			if own {
				c.errs = append(c.errs, err)
			}
		},
	}
	pkg, err := cfg.Check(p.PkgPath, c.fset, files, nil)
	if err != nil && pkg == nil {
		c.errs = append(c.errs, err)
	}
	if own {
		c.own++
	}
	c.done[p.ID] = pkg
	return pkg
}

// languageOf is the version of the language that a package is written in.
func languageOf(p *packages.Package) string {
	if p.Module == nil || p.Module.GoVersion == "" {
		version, _, _ := strings.Cut(runtime.Version(), " ")
		return version
	}
	return "go" + p.Module.GoVersion
}

// importer is a function that finds packages by the paths of their imports.
type importer func(path string) (*types.Package, error)

// Import implements [types.Importer].
func (i importer) Import(path string) (*types.Package, error) { return i(path) }
