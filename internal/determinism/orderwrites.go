package determinism

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// write notes that the loop writes to target in this way.
func (b *body) write(target ast.Expr, kind string) string {
	name := types.ExprString(ast.Unparen(target))
	ix, ok := ast.Unparen(target).(*ast.IndexExpr)
	own := ok && kind == perKey
	if own {
		name, kind = types.ExprString(ix.X), perKey+types.ExprString(ix.Index)
	}
	before, ok := b.writes[name]
	if ok && before != kind {
		return "writes to " + name + " in more than one way"
	}
	if !ok {
		b.order = append(b.order, name)
	}
	b.writes[name] = kind
	if own {
		return first(b.read(ix.Index), b.pureIndex(ix.X))
	}
	return b.pureIndex(target)
}

// pureIndex judges what is evaluated to find the place that is written to.
func (b *body) pureIndex(target ast.Expr) string {
	for {
		switch x := ast.Unparen(target).(type) {
		case *ast.IndexExpr:
			if why := b.read(x.Index); why != "" {
				return why
			}
			target = x.X
		case *ast.SelectorExpr:
			target = x.X
		case *ast.StarExpr:
			target = x.X
		case *ast.Ident:
			return ""
		default:
			return "writes to " + types.ExprString(target)
		}
	}
}

func (b *body) assign(s *ast.AssignStmt) string {
	switch s.Tok {
	case token.DEFINE:
		for _, e := range s.Rhs {
			if why := b.read(e); why != "" {
				return why
			}
		}
		return b.redefined(s)
	case token.ASSIGN:
		if len(s.Lhs) == len(s.Rhs) {
			for i := range s.Lhs {
				if why := b.set(s.Lhs[i], s.Rhs[i]); why != "" {
					return why
				}
			}
			return ""
		}
		return b.setSeveral(s)
	default:
		return b.operate(s.Lhs[0], s.Tok, s.Rhs[0])
	}
}

// redefined judges the variables on the left of := that existed before.
func (b *body) redefined(s *ast.AssignStmt) string {
	for _, left := range s.Lhs {
		if !b.ownedByRound(left) && b.c.defined(left) == nil {
			return "keeps the last " + types.ExprString(left) + " that it meets"
		}
	}
	return ""
}

// setSeveral judges x, ok = m[k].
func (b *body) setSeveral(s *ast.AssignStmt) string {
	for _, left := range s.Lhs {
		if !b.ownedByRound(left) {
			return "keeps the last " + types.ExprString(left) + " that it meets"
		}
	}
	return b.read(s.Rhs[0])
}

// set judges target = value.
func (b *body) set(target, value ast.Expr) string {
	name := types.ExprString(target)
	if call, ok := ast.Unparen(value).(*ast.CallExpr); ok && len(call.Args) > 0 {
		kind := b.c.builtin(call)
		if kind == "append" && types.ExprString(call.Args[0]) == name && !b.ownedByRound(target) && !b.hasOwnIndex(target) {
			return first(b.write(target, collects), b.readAll(call.Args[1:]))
		}
		if (kind == "max" || kind == "min") && types.ExprString(call.Args[0]) == name {
			return first(b.write(target, extreme+kind), b.readAll(call.Args[1:]))
		}
	}
	switch {
	case b.ownedByRound(target):
		return first(b.pureIndex(target), b.read(value))
	case b.hasOwnIndex(target):
		return first(b.write(target, perKey), b.read(value))
	case b.isConstant(value):
		return b.writeConstant(target, types.ExprString(value))
	}
	return "keeps the last " + name + " that it meets"
}

// writeConstant notes an assignment of a constant. Elements of one container all
// get the same one, for two indexes may be equal.
func (b *body) writeConstant(target ast.Expr, value string) string {
	if ix, ok := ast.Unparen(target).(*ast.IndexExpr); ok {
		return first(b.write(ix.X, sameEach+value), b.read(ix.Index))
	}
	return b.write(target, sameEach+value)
}

// operate judges target op= value; value is nil for ++ and --.
func (b *body) operate(target ast.Expr, op token.Token, value ast.Expr) string {
	if why := b.read(value); why != "" {
		return why
	}
	if b.ownedByRound(target) {
		return b.pureIndex(target)
	}
	if b.hasOwnIndex(target) {
		return b.write(target, perKey)
	}
	kinds := map[token.Token]string{
		token.ADD_ASSIGN: adds, token.SUB_ASSIGN: adds, token.MUL_ASSIGN: multiples,
		token.OR_ASSIGN: ors, token.AND_ASSIGN: ands, token.XOR_ASSIGN: xors,
	}
	kind, ok := kinds[op]
	t, basic := b.c.pass.TypesInfo.TypeOf(target).Underlying().(*types.Basic)
	name := types.ExprString(target)
	switch {
	case !ok || !basic || t.Info()&(types.IsInteger|types.IsFloat|types.IsComplex) == 0:
		return "builds " + name + " up in map order"
	case t.Info()&types.IsInteger == 0:
		return "sums floats into " + name + ", which rounds differently in another order"
	}
	if ix, ok := ast.Unparen(target).(*ast.IndexExpr); ok {
		return first(b.write(ix.X, kind), b.read(ix.Index))
	}
	return b.write(target, kind)
}

func (b *body) declare(s *ast.DeclStmt) string {
	for _, spec := range s.Decl.(*ast.GenDecl).Specs {
		if v, ok := spec.(*ast.ValueSpec); ok {
			if why := b.readAll(v.Values); why != "" {
				return why
			}
		}
	}
	return ""
}

// call judges a call that stands alone. Only delete, and sorting what belongs to
// the entry, are known not to depend on the order.
func (b *body) call(s *ast.ExprStmt) string {
	call, ok := ast.Unparen(s.X).(*ast.CallExpr)
	if !ok {
		return "does what may depend on the order"
	}
	if sorterOf(b.c.callee(call)) != nil && len(call.Args) > 0 && (b.ownedByRound(call.Args[0]) || b.hasOwnIndex(call.Args[0])) {
		return "" // checkSort judges the comparison
	}
	if b.c.builtin(call) != "delete" {
		return "calls " + types.ExprString(call.Fun) + " in map order"
	}
	if b.isKey(call.Args[1]) {
		return b.write(&ast.IndexExpr{X: call.Args[0], Index: call.Args[1]}, perKey)
	}
	return first(b.write(call.Args[0], deletes), b.read(call.Args[1]))
}

// ownedByRound reports whether what is written to belongs to this round alone: a
// variable declared in the loop, a part of one that isn't reached through a
// pointer, or anything reached through the entry's key or value.
func (b *body) ownedByRound(target ast.Expr) bool {
	id := b.c.rootIdent(target)
	if id == nil {
		return false
	}
	if id.Name == "_" {
		return true
	}
	obj := b.c.pass.TypesInfo.Uses[id]
	if obj == nil || !b.isLocal(obj) {
		return false
	}
	return obj == b.key || obj == b.val || b.isPlain(target)
}

// isPlain reports whether no pointer, map or slice lies between a variable and
// the part of it that is written to.
func (b *body) isPlain(target ast.Expr) bool {
	for {
		switch x := ast.Unparen(target).(type) {
		case *ast.Ident:
			return true
		case *ast.SelectorExpr:
			target = x.X
		case *ast.IndexExpr:
			if _, ok := b.c.pass.TypesInfo.TypeOf(x.X).Underlying().(*types.Array); !ok {
				return false
			}
			target = x.X
			continue
		default:
			return false
		}
		if _, ok := b.c.pass.TypesInfo.TypeOf(target).Underlying().(*types.Pointer); ok {
			return false
		}
	}
}

// hasOwnIndex recognises x[k] with the loop's key, or with what differs for each key.
func (b *body) hasOwnIndex(target ast.Expr) bool {
	ix, ok := ast.Unparen(target).(*ast.IndexExpr)
	return ok && b.isDistinct(ix.Index)
}

// isDistinct recognises expressions that differ for each key: the key, "text" + key,
// a conversion of the key between like types, and a struct that holds it.
func (b *body) isDistinct(e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		return b.isKey(e)
	case *ast.BinaryExpr:
		x, y := b.c.pass.TypesInfo.Types[e.X].Value != nil, b.c.pass.TypesInfo.Types[e.Y].Value != nil
		t, ok := b.c.pass.TypesInfo.TypeOf(e).Underlying().(*types.Basic)
		exact := ok && t.Info()&(types.IsInteger|types.IsString) != 0
		return e.Op == token.ADD && exact && (x && b.isDistinct(e.Y) || y && b.isDistinct(e.X))
	case *ast.CallExpr:
		if !b.c.isConversion(e) {
			return false
		}
		to, from := b.c.pass.TypesInfo.TypeOf(e).Underlying(), b.c.pass.TypesInfo.TypeOf(e.Args[0]).Underlying()
		return types.Identical(to, from) && b.isDistinct(e.Args[0])
	case *ast.CompositeLit:
		if _, ok := b.c.pass.TypesInfo.TypeOf(e).Underlying().(*types.Struct); !ok {
			return false
		}
		return slices.ContainsFunc(e.Elts, func(elt ast.Expr) bool {
			if kv, ok := elt.(*ast.KeyValueExpr); ok {
				elt = kv.Value
			}
			return b.isDistinct(elt)
		})
	}
	return false
}

func (b *body) isKey(e ast.Expr) bool {
	id, ok := ast.Unparen(e).(*ast.Ident)
	return ok && b.key != nil && b.c.pass.TypesInfo.Uses[id] == b.key
}

func (b *body) isConstant(e ast.Expr) bool {
	tv := b.c.pass.TypesInfo.Types[e]
	if tv.Value != nil || tv.IsNil() {
		return true
	}
	lit, ok := ast.Unparen(e).(*ast.CompositeLit)
	return ok && len(lit.Elts) == 0 && !strings.HasPrefix(types.ExprString(e), "map")
}
