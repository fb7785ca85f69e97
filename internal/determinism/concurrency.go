package determinism

import (
	"go/ast"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/ast/inspector"
)

// checkConcurrency reports goroutines and everything that is done with channels.
// Mentioning a channel type is no finding: a context must have Done.
func (c *checker) checkConcurrency(cur inspector.Cursor) {
	const wait = "wait with the clock's Event or Group"
	switch n := cur.Node().(type) {
	case *ast.GoStmt:
		c.report(goroutine, n, "go statement", useProcess)
	case *ast.SelectStmt:
		c.report(channel, n, "select statement", wait)
	case *ast.SendStmt:
		c.report(channel, n, "send on a channel", "set an Event or call the receiver")
	case *ast.UnaryExpr:
		if n.Op == token.ARROW && !c.ctxErrInstead(n) {
			c.report(channel, n, "receive from a channel", wait)
		}
	case *ast.RangeStmt:
		if c.isChan(n.X) {
			c.report(channel, n, "range over a channel", wait)
		}
	case *ast.CallExpr:
		switch c.builtin(n) {
		case "make":
			if c.isChan(n.Args[0]) {
				c.report(channel, n, "channel made", "use the clock's Event, or a slice that one process owns")
			}
		case "close":
			c.report(channel, n, "close of a channel", "set an Event")
		}
	}
}

// ctxErrInstead reports a receive from ctx.Done() with advice of its own.
func (c *checker) ctxErrInstead(n *ast.UnaryExpr) bool {
	call, ok := ast.Unparen(n.X).(*ast.CallExpr)
	if !ok {
		return false
	}
	f := c.callee(call)
	if f == nil || f.Name() != "Done" || f.Pkg() == nil || f.Pkg().Path() != "context" {
		return false
	}
	c.report(channel, n, "receive from ctx.Done()", "ask ctx.Err(), or pass ctx to what the clock waits on")
	return true
}

func (c *checker) isChan(e ast.Expr) bool {
	t := c.pass.TypesInfo.TypeOf(e)
	if t == nil {
		return false
	}
	_, ok := t.Underlying().(*types.Chan)
	return ok
}
