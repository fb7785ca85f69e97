package determinism

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ast/inspector"
)

// How a loop may write to a variable so that the order of its rounds is of no
// consequence. All its writes to one variable must be of one kind.
const (
	collects  = "append" // s = append(s, x); a sort must follow
	adds      = "+"      // integers
	multiples = "*"      // integers
	ors       = "|"
	ands      = "&"
	xors      = "^"
	sameEach  = "="       // the same constant each time, which is appended to the kind
	extreme   = "max/min" // which of them, or the comparison, is appended
	perKey    = "[key]"   // an element of its own for each key
	deletes   = "delete"
)

// body judges whether the body of a range over a map has the same effect in
// whatever order it runs. It accepts what it recognises and nothing else.
type body struct {
	c    *checker
	loop *ast.RangeStmt
	key  types.Object // nil when there is none
	val  types.Object

	writes  map[string]string // variable, as it is written → kind
	order   []string          // the variables in the order of the source
	reads   []ast.Expr        // everything that is evaluated
	returns []string          // what the loop returns, as it is written
	breaks  bool
	depth   int // of loops and switches around the statement
}

func newBody(c *checker, cur inspector.Cursor) *body {
	loop := cur.Node().(*ast.RangeStmt)
	b := &body{c: c, loop: loop, writes: make(map[string]string)}
	if loop.Tok == token.DEFINE {
		b.key, b.val = c.defined(loop.Key), c.defined(loop.Value)
		if b.c.isMapSequence(loop.X) && b.c.calls(ast.Unparen(loop.X).(*ast.CallExpr), "maps", "Values") {
			b.key, b.val = nil, b.key
		}
	}
	return b
}

func (c *checker) defined(e ast.Expr) types.Object {
	id, ok := e.(*ast.Ident)
	if !ok {
		return nil
	}
	return c.pass.TypesInfo.Defs[id]
}

// judge returns why the order matters, or "".
func (b *body) judge() string {
	if b.loop.Tok == token.ASSIGN {
		return "keeps the last key that it meets"
	}
	if why := b.block(b.loop.Body.List); why != "" {
		return why
	}
	for _, e := range b.reads {
		if why := b.readsWritten(e); why != "" {
			return why
		}
	}
	return b.judgeExits()
}

// judgeExits accepts loops that stop early only to answer "is there one": they
// return the same thing wherever they stop, and have no effect before.
func (b *body) judgeExits() string {
	if len(b.returns) > 0 && (len(b.writes) > 0 || b.breaks || len(slices.Compact(slices.Clone(b.returns))) > 1) {
		return "returns early, after effects that depend on the order"
	}
	if b.breaks && (len(b.order) > 1 || (len(b.order) == 1 && !strings.HasPrefix(b.writes[b.order[0]], sameEach))) {
		return "stops early, after effects that depend on the order"
	}
	return ""
}

// collected are the slices that the loop appends to.
func (b *body) collected() []string {
	var found []string
	for _, target := range b.order {
		if b.writes[target] == collects {
			found = append(found, target)
		}
	}
	return found
}

func (b *body) block(list []ast.Stmt) string {
	for _, s := range list {
		if why := b.stmt(s); why != "" {
			return why
		}
	}
	return ""
}

func (b *body) optional(s ast.Stmt) string {
	if s == nil {
		return ""
	}
	return b.stmt(s)
}

func (b *body) stmt(s ast.Stmt) string {
	switch s := s.(type) {
	case *ast.EmptyStmt:
		return ""
	case *ast.BlockStmt:
		return b.block(s.List)
	case *ast.AssignStmt:
		return b.assign(s)
	case *ast.IncDecStmt:
		return b.operate(s.X, token.ADD_ASSIGN, nil)
	case *ast.DeclStmt:
		return b.declare(s)
	case *ast.ExprStmt:
		return b.call(s)
	case *ast.IfStmt:
		return b.ifStmt(s)
	case *ast.SwitchStmt:
		return b.switchStmt(s)
	case *ast.RangeStmt:
		return b.inner(s.Body, s.X)
	case *ast.ForStmt:
		if why := first(b.optional(s.Init), b.optional(s.Post)); why != "" {
			return why
		}
		return b.inner(s.Body, s.Cond)
	case *ast.BranchStmt:
		return b.branch(s)
	case *ast.ReturnStmt:
		return b.returnStmt(s)
	}
	return "does what may depend on the order"
}

func first(whys ...string) string {
	for _, why := range whys {
		if why != "" {
			return why
		}
	}
	return ""
}

// inner judges a loop or switch within the loop.
func (b *body) inner(block *ast.BlockStmt, head ast.Expr) string {
	b.depth++
	defer func() { b.depth-- }()
	return first(b.read(head), b.block(block.List))
}

func (b *body) ifStmt(s *ast.IfStmt) string {
	if b.isExtreme(s) {
		return ""
	}
	return first(b.optional(s.Init), b.read(s.Cond), b.block(s.Body.List), b.optional(s.Else))
}

// isExtreme recognises "if x > best { best = x }".
func (b *body) isExtreme(s *ast.IfStmt) bool {
	cond, ok := ast.Unparen(s.Cond).(*ast.BinaryExpr)
	if !ok || s.Init != nil || s.Else != nil || len(s.Body.List) != 1 {
		return false
	}
	assign, ok := s.Body.List[0].(*ast.AssignStmt)
	if !ok || assign.Tok != token.ASSIGN || len(assign.Lhs) != 1 {
		return false
	}
	if !slices.Contains([]token.Token{token.LSS, token.GTR, token.LEQ, token.GEQ}, cond.Op) {
		return false
	}
	left, right := types.ExprString(assign.Lhs[0]), types.ExprString(assign.Rhs[0])
	x, y := types.ExprString(cond.X), types.ExprString(cond.Y)
	if !(left == x && right == y) && !(left == y && right == x) {
		return false
	}
	return b.write(assign.Lhs[0], extreme+types.ExprString(cond)) == "" && b.read(assign.Rhs[0]) == ""
}

func (b *body) switchStmt(s *ast.SwitchStmt) string {
	if why := first(b.optional(s.Init), b.read(s.Tag)); why != "" {
		return why
	}
	b.depth++
	defer func() { b.depth-- }()
	for _, clause := range s.Body.List {
		clause := clause.(*ast.CaseClause)
		for _, e := range clause.List {
			if why := b.read(e); why != "" {
				return why
			}
		}
		if why := b.block(clause.Body); why != "" {
			return why
		}
	}
	return ""
}

func (b *body) branch(s *ast.BranchStmt) string {
	switch {
	case s.Label != nil || s.Tok == token.GOTO:
		return "jumps to a label"
	case s.Tok == token.BREAK && b.depth == 0:
		b.breaks = true
	}
	return ""
}

func (b *body) returnStmt(s *ast.ReturnStmt) string {
	var text []string
	for _, e := range s.Results {
		if b.dependsOnRound(e) {
			return "returns whichever entry it meets first"
		}
		if why := b.read(e); why != "" {
			return why
		}
		text = append(text, types.ExprString(e))
	}
	b.returns = append(b.returns, strings.Join(text, ", "))
	return ""
}

// dependsOnRound reports whether an expression mentions the key, the value or a
// variable declared in the loop.
func (b *body) dependsOnRound(e ast.Expr) bool {
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && b.isLocal(b.c.pass.TypesInfo.Uses[id]) {
			found = true
		}
		return !found
	})
	return found
}

// isLocal reports whether a variable is declared by the loop, and so made anew in
// each round.
func (b *body) isLocal(obj types.Object) bool {
	return obj != nil && b.loop.Pos() <= obj.Pos() && obj.Pos() < b.loop.End()
}
