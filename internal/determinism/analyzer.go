package determinism

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"
)

// Analyzer holds the packages of [Packages] to their rules.
var Analyzer = New(RulesFor)

// New makes an analyzer that asks rulesFor which rules hold in a package.
func New(rulesFor func(importPath string) []string) *analysis.Analyzer {
	return &analysis.Analyzer{
		Name:     "determinism",
		Doc:      "refuses what would make a run in virtual time differ from the next\n\n" + ruleList(),
		Requires: []*analysis.Analyzer{inspect.Analyzer},
		Run: func(pass *analysis.Pass) (any, error) {
			if rules := rulesFor(pass.Pkg.Path()); len(rules) > 0 {
				run(pass, rules)
			}
			return nil, nil
		},
	}
}

func ruleList() string {
	var b strings.Builder
	for _, r := range Rules {
		fmt.Fprintf(&b, "  %-14s %s\n", r.Name, r.Why)
	}
	return b.String()
}

// A finding is a broken rule, before the directives have had their say.
type finding struct {
	rule    string
	pos     token.Pos
	end     token.Pos
	message string
	fixes   []analysis.SuggestedFix
}

// checker looks at one package.
type checker struct {
	pass       *analysis.Pass
	rules      []string
	directives *directives
	findings   []finding
	purity     map[types.Object]bool
	bodies     map[types.Object]*ast.FuncDecl
}

func run(pass *analysis.Pass, rules []string) {
	c := &checker{pass: pass, rules: rules, directives: &directives{}, purity: make(map[types.Object]bool)}
	in := pass.ResultOf[inspect.Analyzer].(*inspector.Inspector)
	for file := range in.Root().Children() {
		if c.isTest(file.Node()) {
			continue
		}
		c.directives.read(c, file.Node().(*ast.File))
		for _, check := range checks() {
			for cur := range file.Preorder(check.nodes...) {
				check.run(c, cur)
			}
		}
	}
	c.publish()
}

func (c *checker) isTest(n ast.Node) bool {
	return strings.HasSuffix(c.pass.Fset.Position(n.Pos()).Filename, "_test.go")
}

// report notes that node breaks a rule: what it does and what to write instead.
func (c *checker) report(rule string, node ast.Node, what, instead string, fixes ...analysis.SuggestedFix) {
	r, ok := ruleNamed(rule)
	if !ok {
		panic("determinism: no rule is named " + rule)
	}
	if !slices.Contains(c.rules, rule) {
		return
	}
	c.findings = append(c.findings, finding{
		rule: rule, pos: node.Pos(), end: node.End(), fixes: fixes,
		message: fmt.Sprintf("%s: %s (%s: %s)", what, instead, r.Name, r.Why),
	})
}

// publish reports the findings that no directive permits, in the order of the
// source, and then the directives that permit nothing.
func (c *checker) publish() {
	slices.SortStableFunc(c.findings, func(a, b finding) int { return int(a.pos) - int(b.pos) })
	kept := c.findings[:0]
	for _, f := range c.findings {
		if !c.directives.permit(c, f) {
			kept = append(kept, f)
		}
	}
	c.findings = kept
	c.directives.reportUseless(c)
	for _, f := range c.findings {
		c.pass.Report(analysis.Diagnostic{
			Pos: f.pos, End: f.end, Category: f.rule, Message: f.message, SuggestedFixes: f.fixes,
		})
	}
}

// use is the object that an identifier refers to, with its package's path; the
// path is empty for what belongs to no package.
func (c *checker) use(id *ast.Ident) (obj types.Object, path string) {
	obj = c.pass.TypesInfo.Uses[id]
	if obj == nil || obj.Pkg() == nil {
		return obj, ""
	}
	return obj, obj.Pkg().Path()
}

// callee is the function or method that a call names, if it names one.
func (c *checker) callee(call *ast.CallExpr) *types.Func {
	fun := ast.Unparen(call.Fun)
	if ix, ok := fun.(*ast.IndexExpr); ok {
		fun = ix.X
	}
	if ix, ok := fun.(*ast.IndexListExpr); ok {
		fun = ix.X
	}
	var id *ast.Ident
	switch f := fun.(type) {
	case *ast.Ident:
		id = f
	case *ast.SelectorExpr:
		id = f.Sel
	default:
		return nil
	}
	f, _ := c.pass.TypesInfo.Uses[id].(*types.Func)
	return f
}

// calls reports whether call names one of these functions of a package.
func (c *checker) calls(call *ast.CallExpr, path string, names ...string) bool {
	f := c.callee(call)
	return f != nil && f.Pkg() != nil && f.Pkg().Path() == path && receiver(f) == nil && slices.Contains(names, f.Name())
}

// builtin is the name of the built-in function that a call names, or "".
func (c *checker) builtin(call *ast.CallExpr) string {
	id, ok := ast.Unparen(call.Fun).(*ast.Ident)
	if !ok {
		return ""
	}
	b, ok := c.pass.TypesInfo.Uses[id].(*types.Builtin)
	if !ok {
		return ""
	}
	return b.Name()
}

// isConversion reports whether call is a conversion T(x).
func (c *checker) isConversion(call *ast.CallExpr) bool {
	return c.pass.TypesInfo.Types[call.Fun].IsType()
}

func receiver(f *types.Func) types.Type {
	if r := f.Signature().Recv(); r != nil {
		return r.Type()
	}
	return nil
}

// receiverName is the name of a method's receiver type without its pointer.
func receiverName(f *types.Func) string {
	t := receiver(f)
	if t == nil {
		return ""
	}
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	if n, ok := t.(*types.Named); ok {
		return n.Obj().Name()
	}
	return ""
}
