package determinism

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ast/inspector"
)

const sortKeys = "walk slices.Sorted(maps.Keys(m))"

// mapSequences are the functions that walk a map in its random order.
var mapSequences = []string{"Keys", "Values", "All"}

// checkMapRange reports loops over maps whose effect may depend on the order.
func (c *checker) checkMapRange(cur inspector.Cursor) {
	loop := cur.Node().(*ast.RangeStmt)
	if !c.isMap(loop.X) && !c.isMapSequence(loop.X) {
		return
	}
	b := newBody(c, cur)
	if why := b.judge(); why != "" {
		c.report(mapOrder, loopHead{loop}, "range over map "+types.ExprString(loop.X)+" "+why, sortKeys)
		return
	}
	for _, s := range b.collected() {
		c.checkCollected(cur, loop.End(), s, loopHead{loop})
	}
}

// loopHead is the first line of a loop, as a node to report at.
type loopHead struct{ loop *ast.RangeStmt }

func (h loopHead) Pos() token.Pos { return h.loop.Pos() }
func (h loopHead) End() token.Pos { return h.loop.X.End() }

func (c *checker) isMap(e ast.Expr) bool {
	t := c.pass.TypesInfo.TypeOf(e)
	if t == nil {
		return false
	}
	if p, ok := t.(*types.TypeParam); ok {
		return isMapConstraint(p)
	}
	_, ok := t.Underlying().(*types.Map)
	return ok
}

// isMapConstraint reports whether a type parameter stands for maps: M ~map[K]V.
func isMapConstraint(p *types.TypeParam) bool {
	u, ok := p.Constraint().Underlying().(*types.Interface)
	if !ok {
		return false
	}
	for i := range u.NumEmbeddeds() {
		switch e := u.EmbeddedType(i).(type) {
		case *types.Union:
			for j := range e.Len() {
				if _, ok := e.Term(j).Type().Underlying().(*types.Map); ok {
					return true
				}
			}
		default:
			if _, ok := e.Underlying().(*types.Map); ok {
				return true
			}
		}
	}
	return false
}

// isMapSequence recognises maps.Keys(m), maps.Values(m) and maps.All(m).
func (c *checker) isMapSequence(e ast.Expr) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	return ok && (c.calls(call, "maps", mapSequences...) || c.calls(call, "golang.org/x/exp/maps", mapSequences...))
}

// checkMapSequence reports maps.Keys and its like where their order matters.
func (c *checker) checkMapSequence(cur inspector.Cursor) {
	id := cur.Node().(*ast.Ident)
	obj, pkg := c.use(id)
	if (pkg != "maps" && pkg != "golang.org/x/exp/maps") || !slices.Contains(mapSequences, obj.Name()) {
		return
	}
	what := "maps." + obj.Name() + " in map order"
	call := callOf(cur)
	if call == nil {
		c.report(mapOrder, id, what, sortKeys)
		return
	}
	at := enclosingNode(cur, call)
	if loop, ok := at.Parent().Node().(*ast.RangeStmt); ok && loop.X == call {
		return // checkMapRange judges it
	}
	user, ok := at.Parent().Node().(*ast.CallExpr)
	if !ok || !c.takesMapOrder(at.Parent(), user) {
		c.report(mapOrder, call, what, sortKeys)
	}
}

// enclosingNode is the cursor of a node that encloses the one under cur.
func enclosingNode(cur inspector.Cursor, n ast.Node) inspector.Cursor {
	for cur.Node() != n {
		cur = cur.Parent()
	}
	return cur
}

// takesMapOrder reports whether a call makes the order of the sequence that it is
// given irrelevant, at once or by what follows in the same function.
func (c *checker) takesMapOrder(cur inspector.Cursor, user *ast.CallExpr) bool {
	switch {
	case c.calls(user, "maps", "Collect", "Insert"):
		return true
	case c.calls(user, "slices", "Sorted", "SortedFunc"):
		return true // checkSort judges the comparison
	case c.calls(user, "slices", "SortedStableFunc"):
		c.checkTieBreak(sorterOf(c.callee(user)), user)
		return true
	case c.calls(user, "slices", "Collect", "AppendSeq"):
		if assign, ok := cur.Parent().Node().(*ast.AssignStmt); ok && len(assign.Lhs) == 1 {
			c.checkCollected(cur, assign.End(), types.ExprString(assign.Lhs[0]), user)
			return true
		}
	}
	return false
}

// checkCollected reports a slice that was filled in map order, unless the function
// sorts it afterwards so that no trace of that order is left.
func (c *checker) checkCollected(cur inspector.Cursor, after token.Pos, slice string, at ast.Node) {
	for call := range enclosingFunc(cur).Preorder((*ast.CallExpr)(nil)) {
		n := call.Node().(*ast.CallExpr)
		s := sorterOf(c.callee(n))
		if s == nil || n.Pos() < after || len(n.Args) == 0 || sortedSlice(n.Args[0]) != slice {
			continue
		}
		if s.stable {
			c.checkTieBreak(s, n)
		}
		return
	}
	c.report(mapOrder, at, slice+" is filled in map order and not sorted in this function", "sort it, or walk sorted keys")
}

// checkTieBreak reports a stable sort of elements that arrive in map order: where
// the comparison ties, they stay in it.
func (c *checker) checkTieBreak(s *sorter, call *ast.CallExpr) {
	if c.settles(s, call) {
		return
	}
	c.report(sortTies, call.Fun, s.pkg+"."+s.name+" leaves elements that tie in map order",
		"compare by something unique and say so: //determinism:allow "+sortTies+" reason")
}

// sortedSlice is the slice that the first argument of a sort stands for:
// s, sort.StringSlice(s), sort.Reverse(byName(s)).
func sortedSlice(e ast.Expr) string {
	for {
		call, ok := ast.Unparen(e).(*ast.CallExpr)
		if !ok || len(call.Args) != 1 {
			return types.ExprString(ast.Unparen(e))
		}
		e = call.Args[0]
	}
}

// enclosingFunc is the innermost function around the cursor, or its file.
func enclosingFunc(cur inspector.Cursor) inspector.Cursor {
	for f := range cur.Enclosing((*ast.FuncDecl)(nil), (*ast.FuncLit)(nil), (*ast.File)(nil)) {
		return f
	}
	return cur
}
