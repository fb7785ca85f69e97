package determinism

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// purePackages are packages whose functions have no effect, so that calling them
// in any order is the same. Their methods are another matter.
var purePackages = []string{
	"cmp", "math", "math/bits", "path", "path/filepath", "strconv", "strings", "unicode", "unicode/utf8", "errors",
}

// pureFunctions and pureMethods are those of packages that have others too.
var (
	pureFunctions = map[string][]string{
		"bytes":  {"Equal", "Compare", "Contains", "HasPrefix", "HasSuffix", "Index"},
		"fmt":    {"Sprint", "Sprintf", "Sprintln", "Errorf"},
		"slices": {"Contains", "Index", "Equal", "Compare", "Clone", "Concat", "Max", "Min", "BinarySearch"},
		"maps":   {"Clone", "Equal"},
		"time":   {"Date", "Unix", "UnixMilli"},
	}
	pureMethods = map[string][]string{"time": {"Time", "Duration"}, "net/netip": {"Addr", "AddrPort"}}
)

// read notes that the loop evaluates e, and judges whether that has an effect.
func (b *body) read(e ast.Expr) string {
	if e == nil {
		return ""
	}
	b.reads = append(b.reads, e)
	return b.c.impure(e, 0)
}

func (b *body) readAll(list []ast.Expr) string {
	for _, e := range list {
		if why := b.read(e); why != "" {
			return why
		}
	}
	return ""
}

// impure says what in an expression may have an effect, or "".
func (c *checker) impure(e ast.Expr, depth int) string {
	why := ""
	ast.Inspect(e, func(n ast.Node) bool {
		if why != "" {
			return false
		}
		switch n := n.(type) {
		case *ast.FuncLit:
			why = "makes a function that may see the order"
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				why = "receives from a channel"
			}
		case *ast.CallExpr:
			if !c.isPureCall(n, depth) {
				why = "calls " + types.ExprString(n.Fun) + " in map order"
			}
		}
		return true
	})
	return why
}

func (c *checker) isPureCall(call *ast.CallExpr, depth int) bool {
	if c.isConversion(call) {
		return true
	}
	if name := c.builtin(call); name != "" {
		return slices.Contains([]string{"len", "cap", "min", "max", "append", "make", "new", "real", "imag", "complex"}, name)
	}
	f := c.callee(call)
	if f == nil || f.Pkg() == nil {
		return false
	}
	pkg := f.Pkg().Path()
	switch {
	case f.Pkg() == c.pass.Pkg:
		return c.isPureFunction(f, depth)
	case receiver(f) != nil:
		return slices.Contains(pureMethods[pkg], receiverName(f))
	}
	return slices.Contains(purePackages, pkg) || slices.Contains(pureFunctions[pkg], f.Name())
}

// maxPureDepth bounds how far calls within the package are followed.
const maxPureDepth = 4

// isPureFunction recognises a function of this package that only returns an
// expression without effects: a getter, a predicate.
func (c *checker) isPureFunction(f *types.Func, depth int) bool {
	f = f.Origin()
	if known, ok := c.purity[f]; ok {
		return known
	}
	if depth >= maxPureDepth {
		return false
	}
	decl := c.declaration(f)
	pure := false
	if decl != nil && decl.Body != nil && len(decl.Body.List) == 1 {
		if ret, ok := decl.Body.List[0].(*ast.ReturnStmt); ok {
			pure = !slices.ContainsFunc(ret.Results, func(e ast.Expr) bool { return c.impure(e, depth+1) != "" })
		}
	}
	c.purity[f] = pure
	return pure
}

// declaration finds the declaration of a function of this package.
func (c *checker) declaration(f *types.Func) *ast.FuncDecl {
	if c.bodies == nil {
		c.bodies = make(map[types.Object]*ast.FuncDecl)
		for _, file := range c.pass.Files {
			for _, decl := range file.Decls {
				if d, ok := decl.(*ast.FuncDecl); ok {
					c.bodies[c.pass.TypesInfo.Defs[d.Name]] = d
				}
			}
		}
	}
	return c.bodies[f]
}

// readsWritten says which variable the loop both writes to and evaluates in e: a
// round would see what the rounds before it did.
func (b *body) readsWritten(e ast.Expr) string {
	why := ""
	ast.Inspect(e, func(n ast.Node) bool {
		if why != "" {
			return false
		}
		switch x := n.(type) {
		case *ast.IndexExpr:
			if b.writes[types.ExprString(x.X)] == perKey+types.ExprString(x.Index) {
				return false // the element of this round's key
			}
			why = b.overlap(x)
		case *ast.SelectorExpr:
			why = b.overlap(x)
			if b.c.pass.TypesInfo.Selections[x] != nil && b.c.pass.TypesInfo.Selections[x].Kind() == types.MethodVal {
				why = first(why, b.overlap(x.X))
			}
			return !isPath(x) // of a.b.c only the whole is read, not a and a.b
		case *ast.Ident:
			why = b.overlap(x)
		}
		return true
	})
	return why
}

// overlap says which variable that the loop writes to is read by reading e: the
// same, a part of it, or what it is a part of.
func (b *body) overlap(e ast.Expr) string {
	name := types.ExprString(e)
	within := func(part, whole string) bool {
		return part == whole || strings.HasPrefix(part, whole+".") || strings.HasPrefix(part, whole+"[")
	}
	for _, target := range b.order {
		if within(name, target) || within(target, name) {
			return "reads " + name + ", which earlier rounds may have changed"
		}
	}
	return ""
}

// isPath recognises a.b.c: selectors down to a variable.
func isPath(e ast.Expr) bool {
	for {
		switch x := ast.Unparen(e).(type) {
		case *ast.SelectorExpr:
			e = x.X
		case *ast.Ident:
			return true
		default:
			return false
		}
	}
}
