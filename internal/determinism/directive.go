package determinism

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
)

const (
	allowPrefix    = "//determinism:allow"
	realtimePrefix = "//determinism:realtime"
	anyPrefix      = "//determinism:"
)

// directives are the exceptions that the files of a package make.
type directives struct {
	allows    []*allowance
	realtimes []*realtime
}

// An allowance permits the findings of one rule on one line.
type allowance struct {
	comment *ast.Comment
	file    string
	line    int // the line that it is about
	rule    string
	used    bool
}

// A realtime directive permits every finding in its file.
type realtime struct {
	comment *ast.Comment
	file    string
	used    bool
}

// read collects the directives of a file and reports those that are malformed.
func (d *directives) read(c *checker, file *ast.File) {
	code := codeLines(c.pass.Fset, file)
	for _, group := range file.Comments {
		for _, comment := range group.List {
			switch {
			case hasDirective(comment.Text, allowPrefix):
				d.readAllow(c, comment, group, code)
			case hasDirective(comment.Text, realtimePrefix):
				d.readRealtime(c, comment, file)
			case strings.HasPrefix(comment.Text, anyPrefix):
				c.report(directive, comment, "unknown directive "+strings.Fields(comment.Text)[0],
					"write "+allowPrefix+" RULE reason, or "+realtimePrefix+" reason")
			}
		}
	}
}

func hasDirective(text, prefix string) bool {
	rest, ok := strings.CutPrefix(text, prefix)
	return ok && (rest == "" || rest[0] == ' ' || rest[0] == '\t')
}

// argument is what follows a directive's name, up to a comment in the comment.
func argument(text, prefix string) string {
	rest := strings.TrimPrefix(text, prefix)
	rest, _, _ = strings.Cut(rest, "//")
	return strings.TrimSpace(rest)
}

func (d *directives) readAllow(c *checker, comment *ast.Comment, group *ast.CommentGroup, code map[int]bool) {
	names, reason, _ := strings.Cut(argument(comment.Text, allowPrefix), " ")
	if names == "" || strings.TrimSpace(reason) == "" {
		c.report(directive, comment, "directive without a reason", "write "+allowPrefix+" RULE reason")
		return
	}
	at := c.pass.Fset.Position(comment.Pos())
	line := at.Line
	if !code[line] {
		line = c.pass.Fset.Position(group.End()).Line + 1
	}
	for _, name := range strings.Split(names, ",") {
		if _, ok := ruleNamed(name); !ok || name == directive {
			c.report(directive, comment, fmt.Sprintf("no rule is named %q", name), "name one of "+allowable())
			continue
		}
		d.allows = append(d.allows, &allowance{comment: comment, file: at.Filename, line: line, rule: name})
	}
}

func allowable() string {
	return strings.Join(ruleNames()[:len(Rules)-1], ", ")
}

func (d *directives) readRealtime(c *checker, comment *ast.Comment, file *ast.File) {
	if argument(comment.Text, realtimePrefix) == "" {
		c.report(directive, comment, "directive without a reason", "write "+realtimePrefix+" reason")
		return
	}
	if first := firstDeclaration(file); first.IsValid() && comment.Pos() > first {
		c.report(directive, comment, "directive inside the code", "write it above the package clause or the first declaration")
		return
	}
	d.realtimes = append(d.realtimes, &realtime{comment: comment, file: c.pass.Fset.Position(comment.Pos()).Filename})
}

// firstDeclaration is where the first declaration that isn't an import begins.
func firstDeclaration(file *ast.File) token.Pos {
	for _, decl := range file.Decls {
		if g, ok := decl.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
			continue
		}
		return decl.Pos()
	}
	return token.NoPos
}

// codeLines is the set of lines of a file that hold something but comments.
func codeLines(fset *token.FileSet, file *ast.File) map[int]bool {
	lines := make(map[int]bool)
	ast.Inspect(file, func(n ast.Node) bool {
		switch n.(type) {
		case nil, *ast.Comment, *ast.CommentGroup:
			return false
		case *ast.File:
			return true
		}
		lines[fset.Position(n.Pos()).Line] = true
		lines[fset.Position(n.End()).Line] = true
		return true
	})
	return lines
}

// permit reports whether a directive permits the finding, and marks it as used.
func (d *directives) permit(c *checker, f finding) bool {
	if f.rule == directive {
		return false
	}
	at := c.pass.Fset.Position(f.pos)
	permitted := false
	for _, r := range d.realtimes {
		if r.file == at.Filename {
			r.used, permitted = true, true
		}
	}
	return d.allowed(at, f.rule) || permitted
}

// allowed reports whether a line may break a rule, and marks the directive that
// says so as used.
func (d *directives) allowed(at token.Position, rule string) bool {
	for _, a := range d.allows {
		if a.file == at.Filename && a.line == at.Line && a.rule == rule {
			a.used = true
			return true
		}
	}
	return false
}

func (d *directives) reportUseless(c *checker) {
	for _, a := range d.allows {
		if !a.used {
			c.report(directive, a.comment, fmt.Sprintf("nothing on line %d breaks rule %s", a.line, a.rule), "remove the directive")
		}
	}
	for _, r := range d.realtimes {
		if !r.used {
			c.report(directive, r.comment, "nothing in this file needs real time", "remove the directive")
		}
	}
}
