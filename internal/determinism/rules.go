package determinism

import (
	"go/ast"

	"golang.org/x/tools/go/ast/inspector"
)

// A Rule is one cause of nondeterminism that the analyzer refuses.
type Rule struct {
	// Name is what a directive and a diagnostic call the rule.
	Name string
	// Why says what goes wrong when the rule is broken.
	Why string
}

// The names of the rules.
const (
	wallClock    = "wall-clock"
	contextRule  = "context"
	goroutine    = "goroutine"
	channel      = "channel"
	syncRule     = "sync"
	randomRule   = "random"
	machine      = "machine"
	mapOrder     = "map-order"
	sortTies     = "sort-ties"
	address      = "address"
	packageState = "package-state"
	fusedFloat   = "fused-float"
	floatMath    = "float-math"
	directive    = "directive"
)

// Rules lists every rule in the order in which they are documented.
var Rules = []Rule{
	{wallClock, "a run would depend on how fast the machine is and when it ran"},
	{contextRule, "package context compares with the wall clock and starts goroutines"},
	{goroutine, "the scheduler decides who runs first, and virtual time can't see it"},
	{channel, "select chooses at random, and who waits on a channel blocks virtual time"},
	{syncRule, "waiting happens outside virtual time, or the order of entries is random"},
	{randomRule, "the stream isn't derived from the run's seed"},
	{machine, "the result would depend on the machine or the process"},
	{mapOrder, "Go walks a map in another order each time"},
	{sortTies, "elements that compare equal come out in an order that nobody chose"},
	{address, "addresses differ from process to process"},
	{packageState, "one run would leave something behind for the next in the same process"},
	{fusedFloat, "some processors fuse x*y+z and round once instead of twice"},
	{floatMath, "the last bits differ between architectures"},
	{directive, "an exception must name a rule, give a reason and be needed"},
}

func ruleNamed(name string) (Rule, bool) {
	for _, r := range Rules {
		if r.Name == name {
			return r, true
		}
	}
	return Rule{}, false
}

// A check looks at one kind of syntax and reports what breaks its rule.
type check struct {
	nodes []ast.Node
	run   func(c *checker, cur inspector.Cursor)
}

// checks is where a rule is registered.
func checks() []check {
	return []check{
		{[]ast.Node{(*ast.Ident)(nil)}, (*checker).checkBanned},
		{[]ast.Node{(*ast.CallExpr)(nil)}, (*checker).checkLocalTime},
		{[]ast.Node{
			(*ast.GoStmt)(nil), (*ast.SelectStmt)(nil), (*ast.SendStmt)(nil), (*ast.UnaryExpr)(nil),
			(*ast.RangeStmt)(nil), (*ast.CallExpr)(nil),
		}, (*checker).checkConcurrency},
		{[]ast.Node{(*ast.RangeStmt)(nil)}, (*checker).checkMapRange},
		{[]ast.Node{(*ast.Ident)(nil)}, (*checker).checkMapSequence},
		{[]ast.Node{(*ast.Ident)(nil)}, (*checker).checkSort},
		{[]ast.Node{(*ast.CallExpr)(nil)}, (*checker).checkAddress},
		{[]ast.Node{(*ast.BinaryExpr)(nil), (*ast.AssignStmt)(nil)}, (*checker).checkFused},
		{[]ast.Node{(*ast.File)(nil)}, (*checker).checkPackageState},
	}
}
