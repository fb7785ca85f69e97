package determinism

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/ast/inspector"
)

// checkPackageState reports package-level variables that are written to, or that
// are made to be. Filling one in init or where it is declared is no finding.
func (c *checker) checkPackageState(cur inspector.Cursor) {
	file := cur.Node().(*ast.File)
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.GenDecl:
			c.checkStateTypes(d)
		case *ast.FuncDecl:
			if (d.Name.Name != "init" || d.Recv != nil) && d.Body != nil {
				c.checkStateWrites(d.Body)
			}
		}
	}
}

// checkStateTypes reports variables whose type is mutable by nature.
func (c *checker) checkStateTypes(decl *ast.GenDecl) {
	if decl.Tok != token.VAR {
		return
	}
	for _, spec := range decl.Specs {
		for _, name := range spec.(*ast.ValueSpec).Names {
			obj := c.pass.TypesInfo.Defs[name]
			if obj != nil && name.Name != "_" && isStateful(obj.Type(), 0) {
				c.reportState(obj, name, "package-level "+name.Name+" holds state by its type")
			}
		}
	}
}

// checkStateWrites reports the package-level variables that a function writes to.
func (c *checker) checkStateWrites(body *ast.BlockStmt) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, left := range n.Lhs {
					c.stateWritten(left, n)
				}
			}
		case *ast.IncDecStmt:
			c.stateWritten(n.X, n)
		case *ast.RangeStmt:
			if n.Tok == token.ASSIGN {
				c.stateWritten(n.Key, n)
				c.stateWritten(n.Value, n)
			}
		case *ast.UnaryExpr:
			if _, element := ast.Unparen(n.X).(*ast.IndexExpr); n.Op == token.AND && !element {
				c.stateWritten(n.X, n)
			}
		case *ast.CallExpr:
			c.checkStateCall(n)
		}
		return true
	})
}

// checkStateCall reports calls that change their first argument or their receiver.
func (c *checker) checkStateCall(call *ast.CallExpr) {
	if len(call.Args) > 0 && slices.Contains([]string{"delete", "clear", "copy"}, c.builtin(call)) {
		c.stateWritten(call.Args[0], call)
		return
	}
	if f := c.callee(call); f != nil && len(call.Args) > 0 && receiver(f) == nil {
		s := sorterOf(f)
		if c.calls(call, "slices", "Reverse") || (s != nil && !strings.HasPrefix(s.name, "Sorted")) {
			c.stateWritten(call.Args[0], call)
		}
		return
	}
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok {
		return
	}
	selection := c.pass.TypesInfo.Selections[sel]
	if selection == nil || selection.Kind() != types.MethodVal {
		return
	}
	f := selection.Obj().(*types.Func)
	_, pointerMethod := receiver(f).(*types.Pointer)
	_, pointer := c.pass.TypesInfo.TypeOf(sel.X).Underlying().(*types.Pointer)
	if pointerMethod && !pointer {
		c.stateWritten(sel.X, call)
	}
}

// stateWritten reports the package-level variable at the root of an expression
// that is written to: where it is declared, when that is in this package.
func (c *checker) stateWritten(target ast.Expr, at ast.Node) {
	id := c.rootIdent(target)
	if id == nil {
		return
	}
	v, ok := c.pass.TypesInfo.Uses[id].(*types.Var)
	if !ok || v.IsField() || v.Pkg() == nil || v.Parent() != v.Pkg().Scope() {
		return
	}
	if v.Pkg() != c.pass.Pkg {
		c.report(packageState, at, "write to "+v.Pkg().Name()+"."+v.Name(), keepInStruct)
		return
	}
	where := c.pass.Fset.Position(at.Pos())
	c.reportState(v, declared{v}, fmt.Sprintf("package-level %s is written to (%s:%d)", v.Name(), filepath.Base(where.Filename), where.Line))
}

const keepInStruct = "keep it in a struct that the run makes"

// reportState reports a variable once.
func (c *checker) reportState(v types.Object, at ast.Node, what string) {
	for _, f := range c.findings {
		if f.rule == packageState && f.pos == v.Pos() {
			return
		}
	}
	c.report(packageState, at, what, keepInStruct)
}

// declared is the place where a variable is declared, as a node to report at.
type declared struct{ v *types.Var }

func (d declared) Pos() token.Pos { return d.v.Pos() }
func (d declared) End() token.Pos { return d.v.Pos() + token.Pos(len(d.v.Name())) }

// rootIdent is the variable at the root of a.b[i].c, *a or pkg.a.
func (c *checker) rootIdent(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.ParenExpr:
			e = x.X
		case *ast.SelectorExpr:
			if c.isPackage(x.X) {
				return x.Sel
			}
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		default:
			return nil
		}
	}
}

func (c *checker) isPackage(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	if !ok {
		return false
	}
	_, ok = c.pass.TypesInfo.Uses[id].(*types.PkgName)
	return ok
}

// stateTypes are types whose values exist to be changed.
var stateTypes = map[string][]string{
	"sync":         {"Mutex", "RWMutex", "Once", "Map", "Pool", "WaitGroup", "Cond"},
	"math/rand":    {"Rand", "Source"},
	"math/rand/v2": {"Rand", "Source", "PCG", "ChaCha8"},
	"bytes":        {"Buffer"},
	"strings":      {"Builder"},
}

// isStateful reports whether a type is mutable by nature, or a struct that holds
// one by value.
func isStateful(t types.Type, depth int) bool {
	if p, ok := t.Underlying().(*types.Pointer); ok && depth == 0 {
		_, isStruct := p.Elem().Underlying().(*types.Struct)
		return isStruct && isStatefulNamed(p.Elem())
	}
	if isStatefulNamed(t) {
		return true
	}
	switch u := t.Underlying().(type) {
	case *types.Chan:
		return true
	case *types.Struct:
		for f := range u.Fields() {
			if _, pointer := f.Type().Underlying().(*types.Pointer); !pointer && isStateful(f.Type(), depth+1) {
				return true
			}
		}
	}
	return false
}

func isStatefulNamed(t types.Type) bool {
	n, ok := t.(*types.Named)
	if !ok || n.Obj().Pkg() == nil {
		return false
	}
	pkg := n.Obj().Pkg().Path()
	return pkg == "sync/atomic" || slices.Contains(stateTypes[pkg], n.Obj().Name())
}
