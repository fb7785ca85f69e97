package publicapi

import (
	"errors"
	"fmt"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// Hidden loads packages and returns, sorted, each place where what they export needs an
// internal type without a public name. Named are patterns of the packages whose aliases
// count. Overlay replaces files, by path, as in packages.Config.
func Hidden(patterns, named []string, overlay map[string][]byte) ([]string, error) {
	mode := packages.NeedName | packages.NeedTypes | packages.NeedImports
	all, err := packages.Load(&packages.Config{Mode: mode, Overlay: overlay}, append(slices.Clone(patterns), named...)...)
	if err != nil {
		return nil, err
	}
	var broken []error
	w := walker{aliases: make(map[*types.TypeName]bool), found: make(map[string]bool), seen: make(map[types.Type]bool)}
	for _, p := range all {
		for _, e := range p.Errors {
			broken = append(broken, e)
		}
		if public(p.PkgPath) {
			w.name(p.Types)
		}
	}
	if len(broken) > 0 {
		return nil, errors.Join(broken...)
	}
	judged, err := packages.Load(&packages.Config{Mode: packages.NeedName}, patterns...)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		if public(p.PkgPath) && slices.ContainsFunc(judged, func(j *packages.Package) bool { return j.PkgPath == p.PkgPath }) {
			w.walk(p.Types)
		}
	}
	var out []string
	for place := range w.found {
		out = append(out, place)
	}
	slices.Sort(out)
	return out, nil
}

// public reports whether another module can import a package.
func public(path string) bool {
	return !slices.Contains(strings.Split(path, "/"), "internal")
}

// walker looks at exported things.
type walker struct {
	aliases map[*types.TypeName]bool // types that have a public name
	found   map[string]bool
	seen    map[types.Type]bool // bodies that were looked into
}

// name notes the types that a package gives a name.
func (w *walker) name(p *types.Package) {
	for _, n := range p.Scope().Names() {
		o, ok := p.Scope().Lookup(n).(*types.TypeName)
		if !ok || !o.Exported() || !o.IsAlias() {
			continue
		}
		if t, ok := types.Unalias(o.Type()).(*types.Named); ok {
			w.aliases[t.Obj()] = true
		}
	}
}

func (w *walker) walk(p *types.Package) {
	for _, n := range p.Scope().Names() {
		o := p.Scope().Lookup(n)
		if !o.Exported() {
			continue
		}
		place := p.Path() + "." + n
		if _, ok := o.(*types.TypeName); !ok {
			w.use(place, o.Type())
			continue
		}
		if t, ok := types.Unalias(o.Type()).(*types.Named); ok {
			w.body(place, t)
		} else {
			w.use(place, o.Type())
		}
	}
}

// body looks into a named type: its fields and methods are exported with it.
func (w *walker) body(place string, t *types.Named) {
	if w.seen[t] {
		return
	}
	w.seen[t] = true
	w.use(place, t.Underlying())
	for i := range t.NumMethods() {
		if m := t.Method(i); m.Exported() {
			w.use(place+"."+m.Name(), m.Type())
		}
	}
}

// use looks at a type that something exported is made of.
func (w *walker) use(place string, t types.Type) {
	switch t := t.(type) {
	case *types.Alias:
		if o := t.Obj(); o.Exported() && o.Pkg() != nil && public(o.Pkg().Path()) {
			return
		}
		w.use(place, types.Unalias(t))
	case *types.Named:
		w.named(place, t)
	case *types.Struct:
		for i := range t.NumFields() {
			if f := t.Field(i); f.Exported() {
				w.use(place+"."+f.Name(), f.Type())
			}
		}
	case *types.Interface:
		for i := range t.NumMethods() {
			if m := t.Method(i); m.Exported() {
				w.use(place+"."+m.Name(), m.Type())
			}
		}
	case *types.Signature:
		for _, list := range []*types.Tuple{t.Params(), t.Results()} {
			for i := range list.Len() {
				w.use(place, list.At(i).Type())
			}
		}
	case *types.Map:
		w.use(place, t.Key())
		w.use(place, t.Elem())
	case interface{ Elem() types.Type }: // pointers, slices, arrays, channels
		w.use(place, t.Elem())
	}
}

func (w *walker) named(place string, t *types.Named) {
	for i := range t.TypeArgs().Len() {
		w.use(place, t.TypeArgs().At(i))
	}
	o := t.Obj()
	if o.Pkg() == nil || !strings.HasPrefix(o.Pkg().Path(), module) || public(o.Pkg().Path()) || w.aliases[o] {
		return
	}
	w.found[fmt.Sprintf("%s needs %s.%s", place, o.Pkg().Path(), o.Name())] = true
}

// module is what is looked after here.
const module = "github.com/shardquake/shardquake"
