package determinism

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"math"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ast/inspector"
)

// checkFused reports float products that the compiler may fuse with an addition.
// The language allows that across statements and through variables ("t = x*y;
// r = t + z"), so every product must be rounded by an explicit conversion unless
// what becomes of it on the spot can't be an addition.
func (c *checker) checkFused(cur inspector.Cursor) {
	switch n := cur.Node().(type) {
	case *ast.BinaryExpr:
		if n.Op == token.MUL && c.mayFuse(n, n.X, n.Y) && c.reachesSum(cur) {
			c.report(fusedFloat, n, "product "+types.ExprString(n)+" isn't rounded",
				"write "+c.floatName(n)+"("+types.ExprString(n)+")", c.wrapInConversion(n))
		}
	case *ast.AssignStmt:
		if n.Tok == token.MUL_ASSIGN && c.mayFuse(n.Lhs[0], n.Lhs[0], n.Rhs[0]) {
			left, right := types.ExprString(n.Lhs[0]), types.ExprString(n.Rhs[0])
			if _, ok := n.Rhs[0].(*ast.BinaryExpr); ok {
				right = "(" + right + ")"
			}
			fixed := left + " = " + c.floatName(n.Lhs[0]) + "(" + left + " * " + right + ")"
			c.report(fusedFloat, n, "product isn't rounded", "write "+fixed, analysis.SuggestedFix{
				Message:   "round the product",
				TextEdits: []analysis.TextEdit{{Pos: n.Pos(), End: n.End(), NewText: []byte(fixed)}},
			})
		}
	}
}

// mayFuse reports whether a product of x and y is a float whose rounding can be
// lost: it is computed at run time and neither factor is a power of two.
func (c *checker) mayFuse(product, x, y ast.Expr) bool {
	tv := c.pass.TypesInfo.Types[product]
	if tv.Type == nil || tv.Value != nil || !isFloat(tv.Type) {
		return false
	}
	return !c.isPowerOfTwo(x) && !c.isPowerOfTwo(y)
}

// isFloat reports whether a type is, or for a type parameter may be, a float.
func isFloat(t types.Type) bool {
	if p, ok := t.(*types.TypeParam); ok {
		u, ok := p.Constraint().Underlying().(*types.Interface)
		return ok && mayHoldFloat(u)
	}
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&(types.IsFloat|types.IsComplex) != 0
}

func mayHoldFloat(u *types.Interface) bool {
	for i := range u.NumEmbeddeds() {
		switch e := u.EmbeddedType(i).(type) {
		case *types.Union:
			for j := range e.Len() {
				if isFloat(e.Term(j).Type()) {
					return true
				}
			}
		default:
			if inner, ok := e.Underlying().(*types.Interface); ok && mayHoldFloat(inner) || isFloat(e) {
				return true
			}
		}
	}
	return false
}

// isPowerOfTwo recognises constants by which a float is multiplied exactly.
func (c *checker) isPowerOfTwo(e ast.Expr) bool {
	tv := c.pass.TypesInfo.Types[e]
	if tv.Value == nil {
		return false
	}
	f, _ := constant.Float64Val(constant.ToFloat(tv.Value))
	frac, _ := math.Frexp(f)
	return math.Abs(frac) == 0.5 || f == 0
}

// reachesSum reports whether the product under the cursor may become a summand:
// not when it is converted, compared, divided, multiplied on, or handed to the
// standard library or to an interface.
func (c *checker) reachesSum(cur inspector.Cursor) bool {
	child := cur.Node()
	for p := cur.Parent(); p.Valid() && p.Node() != nil; p = p.Parent() {
		switch n := p.Node().(type) {
		case *ast.ParenExpr:
			child = n
			continue
		case *ast.UnaryExpr:
			child = n
			continue
		case *ast.BinaryExpr:
			return n.Op == token.ADD || n.Op == token.SUB
		case *ast.AssignStmt:
			return n.Tok != token.MUL_ASSIGN && n.Tok != token.QUO_ASSIGN
		case *ast.CallExpr:
			return child != n.Fun && c.passesFloat(n, child)
		case *ast.ExprStmt, *ast.SwitchStmt, *ast.CaseClause:
			return false
		}
		return true
	}
	return true
}

// passesFloat reports whether a call hands an argument, still a float, to code
// that may be inlined here and add to it.
func (c *checker) passesFloat(call *ast.CallExpr, arg ast.Node) bool {
	if c.isConversion(call) || c.builtin(call) != "" {
		return false
	}
	sig, ok := c.pass.TypesInfo.TypeOf(call.Fun).Underlying().(*types.Signature)
	if !ok {
		return true
	}
	for i, a := range call.Args {
		if a == arg && types.IsInterface(paramType(sig, i)) {
			return false
		}
	}
	f := c.callee(call)
	return f == nil || f.Pkg() == nil || !isStandard(f.Pkg().Path())
}

func paramType(sig *types.Signature, i int) types.Type {
	params := sig.Params()
	if sig.Variadic() && i >= params.Len()-1 {
		return params.At(params.Len() - 1).Type().(*types.Slice).Elem()
	}
	return params.At(i).Type()
}

// isStandard reports whether a package is of the standard library: the first
// element of its path has no dot, and no module of ours is called so.
func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	switch first {
	case "math", "fmt", "strconv", "time", "sort", "slices", "cmp":
		return true
	}
	return false
}

// floatName is the name to convert an expression's type with.
func (c *checker) floatName(e ast.Expr) string {
	return types.TypeString(c.pass.TypesInfo.TypeOf(e), func(p *types.Package) string {
		if p == c.pass.Pkg {
			return ""
		}
		return p.Name()
	})
}

func (c *checker) wrapInConversion(n *ast.BinaryExpr) analysis.SuggestedFix {
	return analysis.SuggestedFix{
		Message: "round the product",
		TextEdits: []analysis.TextEdit{
			{Pos: n.Pos(), End: n.Pos(), NewText: []byte(c.floatName(n) + "(")},
			{Pos: n.End(), End: n.End(), NewText: []byte(")")},
		},
	}
}
