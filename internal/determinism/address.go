package determinism

import (
	"go/ast"
	"go/constant"
	"go/types"
	"strings"

	"golang.org/x/tools/go/ast/inspector"
)

// noFormat marks a printing function that takes no format.
const noFormat = -1

// printers gives, for the printing functions and methods of packages fmt and log,
// the index of the format, or noFormat, and that of the first value printed.
var printers = map[string]struct{ format, first int }{
	"Print": {noFormat, 0}, "Println": {noFormat, 0}, "Printf": {0, 1},
	"Sprint": {noFormat, 0}, "Sprintln": {noFormat, 0}, "Sprintf": {0, 1},
	"Fprint": {noFormat, 1}, "Fprintln": {noFormat, 1}, "Fprintf": {1, 2},
	"Append": {noFormat, 1}, "Appendln": {noFormat, 1}, "Appendf": {1, 2},
	"Errorf": {0, 1}, "Fatal": {noFormat, 0}, "Fatalf": {0, 1}, "Panicf": {0, 1},
}

// checkAddress reports what prints an address or turns one into a number.
func (c *checker) checkAddress(cur inspector.Cursor) {
	call := cur.Node().(*ast.CallExpr)
	const instead = "print an id or a name"
	if c.isConversion(call) {
		to, from := c.pass.TypesInfo.TypeOf(call), c.pass.TypesInfo.TypeOf(call.Args[0])
		if isBasic(to, types.Uintptr) && isBasic(from, types.UnsafePointer) {
			c.report(address, call, "address as a number", "use an id")
		}
		return
	}
	f := c.callee(call)
	if f == nil || f.Pkg() == nil || (f.Pkg().Path() != "fmt" && f.Pkg().Path() != "log") {
		return
	}
	printer, ok := printers[f.Name()]
	if !ok || call.Ellipsis.IsValid() {
		return
	}
	verbs := ""
	if printer.format != noFormat && printer.format < len(call.Args) {
		verbs = c.verbs(call.Args[printer.format])
	}
	for i := printer.first; i < len(call.Args); i++ {
		verb := byte('v')
		if n := i - printer.first; n < len(verbs) {
			verb = verbs[n]
		}
		arg := call.Args[i]
		switch {
		case verb == 'p':
			c.report(address, arg, "%p prints an address", instead)
		case verb != 'T' && printsAddress(c.pass.TypesInfo.TypeOf(arg), true, 0):
			c.report(address, arg, f.Name()+" prints an address within "+c.typeName(arg), instead)
		}
	}
}

func (c *checker) typeName(e ast.Expr) string {
	return types.TypeString(c.pass.TypesInfo.TypeOf(e), types.RelativeTo(c.pass.Pkg))
}

func isBasic(t types.Type, kind types.BasicKind) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Kind() == kind
}

// verbs gives the verb for each value that a constant format prints, 'v' for the
// width and precision taken from a value. With explicit indexes it gives none.
func (c *checker) verbs(format ast.Expr) string {
	tv := c.pass.TypesInfo.Types[format]
	if tv.Value == nil || tv.Value.Kind() != constant.String {
		return ""
	}
	var verbs []byte
	text := constant.StringVal(tv.Value)
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			continue
		}
		for i++; i < len(text) && strings.IndexByte("+-# 0123456789.*[]", text[i]) >= 0; i++ {
			switch text[i] {
			case '*':
				verbs = append(verbs, 'v')
			case '[':
				return ""
			}
		}
		if i < len(text) && text[i] != '%' {
			verbs = append(verbs, text[i])
		}
	}
	return string(verbs)
}

// maxPrintDepth bounds the search in types that contain themselves.
const maxPrintDepth = 8

// printsAddress reports whether package fmt prints an address somewhere in a value
// of this type. It calls the String and Error methods of what it can reach
// through exported fields only, and follows a pointer at the top only.
func printsAddress(t types.Type, reachable bool, depth int) bool {
	if t == nil || depth > maxPrintDepth || (reachable && printsItself(t)) {
		return false
	}
	switch u := t.Underlying().(type) {
	case *types.Pointer:
		if depth > 0 {
			return true
		}
		switch u.Elem().Underlying().(type) {
		case *types.Struct, *types.Slice, *types.Array, *types.Map:
			return printsAddress(u.Elem(), reachable, depth+1)
		}
		return true
	case *types.Chan, *types.Signature:
		return true
	case *types.Basic:
		return u.Kind() == types.UnsafePointer
	case *types.Slice:
		return printsAddress(u.Elem(), reachable, depth+1)
	case *types.Array:
		return printsAddress(u.Elem(), reachable, depth+1)
	case *types.Map:
		return printsAddress(u.Key(), reachable, depth+1) || printsAddress(u.Elem(), reachable, depth+1)
	case *types.Struct:
		for f := range u.Fields() {
			if printsAddress(f.Type(), reachable && f.Exported(), depth+1) {
				return true
			}
		}
	}
	return false
}

// printsItself reports whether a type has a method that package fmt prints it by.
func printsItself(t types.Type) bool {
	methods := types.NewMethodSet(t)
	for _, name := range []string{"Error", "String", "Format", "GoString"} {
		if methods.Lookup(nil, name) != nil {
			return true
		}
	}
	return false
}
