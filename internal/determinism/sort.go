package determinism

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ast/inspector"
)

// A sorter is a function that sorts its first argument.
type sorter struct {
	pkg, name string
	// compares says that the second argument is the comparison; without it the
	// elements are ordered by themselves.
	compares bool
	stable   bool
	// iface says that the argument is a sort.Interface.
	iface bool
}

var sorters = []sorter{
	{pkg: "slices", name: "Sort"},
	{pkg: "slices", name: "SortFunc", compares: true},
	{pkg: "slices", name: "SortStableFunc", compares: true, stable: true},
	{pkg: "slices", name: "Sorted"},
	{pkg: "slices", name: "SortedFunc", compares: true},
	{pkg: "slices", name: "SortedStableFunc", compares: true, stable: true},
	{pkg: "sort", name: "Strings"},
	{pkg: "sort", name: "Ints"},
	{pkg: "sort", name: "Float64s"},
	{pkg: "sort", name: "Slice", compares: true},
	{pkg: "sort", name: "SliceStable", compares: true, stable: true},
	{pkg: "sort", name: "Sort", iface: true},
	{pkg: "sort", name: "Stable", iface: true, stable: true},
}

// sorterOf is the sorter that a function is, or nil.
func sorterOf(f *types.Func) *sorter {
	if f == nil || f.Pkg() == nil || receiver(f) != nil {
		return nil
	}
	for i := range sorters {
		if sorters[i].pkg == f.Pkg().Path() && sorters[i].name == f.Name() {
			return &sorters[i]
		}
	}
	return nil
}

// checkSort reports sorts that may leave ties in an order that nobody chose.
func (c *checker) checkSort(cur inspector.Cursor) {
	id := cur.Node().(*ast.Ident)
	f, _ := c.pass.TypesInfo.Uses[id].(*types.Func)
	s := sorterOf(f)
	if s == nil || s.stable || (!s.compares && !s.iface) {
		return
	}
	call := callOf(cur)
	if call != nil && c.settles(s, call) {
		return
	}
	c.report(sortTies, id, s.pkg+"."+s.name+" with a comparison that may tie",
		"use slices.SortStableFunc, or compare by something unique and say so: //determinism:allow "+sortTies+" reason")
}

// callOf is the call whose function the identifier under the cursor names, or nil
// when the function is passed on as a value.
func callOf(cur inspector.Cursor) *ast.CallExpr {
	fun := cur.Node()
	for p := cur.Parent(); p.Valid() && p.Node() != nil; p = p.Parent() {
		switch n := p.Node().(type) {
		case *ast.SelectorExpr, *ast.IndexExpr, *ast.IndexListExpr, *ast.ParenExpr:
			fun = n
			continue
		case *ast.CallExpr:
			if n.Fun == fun {
				return n
			}
		}
		return nil
	}
	return nil
}

// settles reports whether elements that compare equal can't be told apart, so
// that their order doesn't matter.
func (c *checker) settles(s *sorter, call *ast.CallExpr) bool {
	switch {
	case s.iface:
		return len(call.Args) == 1 && c.isBasicInterface(call.Args[0])
	case !s.compares:
		return true
	case len(call.Args) != 2:
		return false
	case s.pkg == "sort":
		return c.isPlainLess(call.Args[0], call.Args[1])
	default:
		return c.isPlainCompare(call.Args[1])
	}
}

// isBasicInterface recognises sort.StringSlice(s) and its like, reversed or not.
func (c *checker) isBasicInterface(e ast.Expr) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok || len(call.Args) != 1 {
		return false
	}
	if c.calls(call, "sort", "Reverse") {
		return c.isBasicInterface(call.Args[0])
	}
	named, ok := c.pass.TypesInfo.TypeOf(call).(*types.Named)
	return ok && c.isConversion(call) && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == "sort"
}

// isPlainCompare recognises comparisons of whole elements: cmp.Compare,
// strings.Compare, and func(a, b T) int { return cmp.Compare(b, a) }.
func (c *checker) isPlainCompare(e ast.Expr) bool {
	e = ast.Unparen(e)
	if c.isComparator(e) {
		return true
	}
	lit, ok := e.(*ast.FuncLit)
	if !ok {
		return false
	}
	x, y, result := twoParams(lit)
	if u, ok := result.(*ast.UnaryExpr); ok && u.Op == token.SUB {
		result = ast.Unparen(u.X)
	}
	call, ok := result.(*ast.CallExpr)
	if !ok || len(call.Args) != 2 || !c.isComparator(call.Fun) {
		return false
	}
	return isPair(call.Args[0], call.Args[1], x, y)
}

func (c *checker) isComparator(e ast.Expr) bool {
	switch f := ast.Unparen(e).(type) {
	case *ast.IndexExpr:
		return c.isComparator(f.X)
	case *ast.SelectorExpr:
		obj, pkg := c.use(f.Sel)
		return obj != nil && obj.Name() == "Compare" && slices.Contains([]string{"cmp", "strings", "bytes"}, pkg)
	}
	return false
}

// isPlainLess recognises func(i, j int) bool { return s[i] < s[j] }.
func (c *checker) isPlainLess(slice, less ast.Expr) bool {
	lit, ok := ast.Unparen(less).(*ast.FuncLit)
	if !ok {
		return false
	}
	i, j, result := twoParams(lit)
	cmp, ok := result.(*ast.BinaryExpr)
	if !ok || (cmp.Op != token.LSS && cmp.Op != token.GTR) {
		return false
	}
	left, ok1 := ast.Unparen(cmp.X).(*ast.IndexExpr)
	right, ok2 := ast.Unparen(cmp.Y).(*ast.IndexExpr)
	if !ok1 || !ok2 {
		return false
	}
	s := types.ExprString(slice)
	return types.ExprString(left.X) == s && types.ExprString(right.X) == s && isPair(left.Index, right.Index, i, j)
}

// twoParams gives the names of a function's two parameters and the expression
// that it returns, when returning is all that it does.
func twoParams(lit *ast.FuncLit) (x, y string, result ast.Expr) {
	var names []string
	for _, field := range lit.Type.Params.List {
		for _, n := range field.Names {
			names = append(names, n.Name)
		}
	}
	if len(names) != 2 || len(lit.Body.List) != 1 {
		return "", "", nil
	}
	ret, ok := lit.Body.List[0].(*ast.ReturnStmt)
	if !ok || len(ret.Results) != 1 {
		return "", "", nil
	}
	return names[0], names[1], ast.Unparen(ret.Results[0])
}

func isPair(a, b ast.Expr, x, y string) bool {
	left, ok1 := ast.Unparen(a).(*ast.Ident)
	right, ok2 := ast.Unparen(b).(*ast.Ident)
	if !ok1 || !ok2 {
		return false
	}
	return (left.Name == x && right.Name == y) || (left.Name == y && right.Name == x)
}
