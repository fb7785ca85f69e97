package source

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// File is a parsed YAML file.
type File struct {
	Name string
	Data []byte
	root ast.Node

	lines []string // of Data, once they were asked for
}

// mostTold is how many errors of a file are told with their places; of one that is wrong
// everywhere more would not help.
const mostTold = 100

// theFirst cuts a list of errors after those that are told.
func (f *File) theFirst(errs []error) error {
	if n := len(errs) - mostTold; n > 0 {
		errs = append(errs[:mostTold:mostTold], fmt.Errorf("%s: and %d more", f.Name, n))
	}
	return errors.Join(errs...)
}

// Problem is something wrong at a place of the file, named by its YAML path
// ("$.faults[0].at").
type Problem struct {
	Path    string
	Message string
}

// Problemf makes a problem.
func Problemf(path, format string, args ...any) Problem {
	return Problem{path, fmt.Sprintf(format, args...)}
}

// Error is what is wrong with a file, at a line and column.
type Error struct {
	File         string
	Line, Column int
	Message      string
	Excerpt      string
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
	if e.Excerpt != "" {
		s += "\n" + e.Excerpt
	}
	return s
}

// Plain is a file's text without the byte order mark that some editors begin it with.
func Plain(data []byte) []byte { return bytes.TrimPrefix(data, []byte("\ufeff")) }

// Parse reads a file of one YAML document.
func Parse(name string, data []byte) (*File, error) {
	data = Plain(data)
	f := &File{Name: name, Data: data}
	if err := f.bounded(); err != nil {
		return nil, err
	}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, f.wrap(err)
	}
	switch {
	case len(tree.Docs) > 1:
		return nil, &Error{File: name, Line: 1, Column: 1, Message: fmt.Sprintf("expected one YAML document, found %d", len(tree.Docs))}
	case len(tree.Docs) == 0 || tree.Docs[0].Body == nil:
		return nil, &Error{File: name, Line: 1, Column: 1, Message: "the file is empty: expected a YAML document"}
	}
	r := resolver{anchors: make(map[string]ast.Node)}
	if f.root, err = r.resolve(tree.Docs[0].Body, 0); err != nil {
		return nil, f.wrap(err)
	}
	return f, nil
}

// ReadFile reads a file, unless it is longer than any may be: nothing of it is read then.
func ReadFile(name string) ([]byte, error) {
	if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() && info.Size() > mostBytes {
		return nil, tooLong(name, info.Size())
	}
	return os.ReadFile(name)
}

func tooLong(name string, size int64) error {
	return &Error{File: name, Line: 1, Column: 1, Message: fmt.Sprintf("the file has %d bytes; expected at most %d", size, mostBytes)}
}

// bounded refuses what would cost the parser more than a file can be worth: too many bytes,
// brackets or indented lines too deep in each other.
func (f *File) bounded() error {
	if len(f.Data) > mostBytes {
		return tooLong(f.Name, int64(len(f.Data)))
	}
	line, column, depth := 1, 0, 0
	indents := []int{0}
	started, dashes := false, 0       // of this line: whether its text has, dashes of lists before it
	quote, before := byte(0), byte(0) // what text is quoted by, '#' for a comment; the byte before
	for _, c := range f.Data {
		column++
		was := before
		before = c
		switch {
		case c == '\n':
			line, column, started, dashes, quote = line+1, 0, false, 0, 0
			continue
		case quote != 0:
			if c == quote && quote != '#' {
				quote = 0
			}
			continue
		case c == '#' && (was == 0 || was == ' ' || was == '\n'):
			quote = c
			continue
		case c == '"' || c == '\'':
			quote = c
		}
		switch c {
		case ' ', '\r':
			continue
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(0, depth-1)
		}
		if !started && c == '-' {
			dashes++
		} else if !started {
			started = true
			for len(indents) > 1 && indents[len(indents)-1] >= column {
				indents = indents[:len(indents)-1]
			}
			indents = append(indents, column)
		}
		if depth > mostDepth || dashes > mostDepth || len(indents) > mostDepth {
			return f.at(&token.Token{Position: &token.Position{Line: line, Column: column}}, fmt.Sprintf("mappings and lists lie more than %d deep in each other", mostDepth))
		}
	}
	return nil
}

// Decode fills v from the file. Keys that v does not know are errors.
func (f *File) Decode(v any) error {
	var errs []error
	for _, bad := range check(f.root, reflect.TypeOf(v)) {
		errs = append(errs, f.wrap(bad))
	}
	if len(errs) > 0 {
		return f.theFirst(errs)
	}
	if err := yaml.NodeToValue(f.root, v, yaml.Strict()); err != nil {
		return f.wrap(err)
	}
	return nil
}

// Has reports whether the file has something at a path.
func (f *File) Has(path string) bool {
	p, err := yaml.PathString(path)
	if err != nil {
		return false
	}
	n, err := p.FilterNode(f.root)
	return err == nil && n != nil
}

// Root is the document.
func (f *File) Root() ast.Node { return f.root }

// Items are the entries of the list at a path; nil where there is none.
func (f *File) Items(path string) []ast.Node {
	p, err := yaml.PathString(path)
	if err != nil {
		return nil
	}
	n, err := p.FilterNode(f.root)
	if err != nil {
		return nil
	}
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		return nil // told by Decode
	}
	return list.Values
}

// Located is an error of [DecodeNode], or several, with the places in the file.
func (f *File) Located(err error) error {
	var errs []error
	for _, e := range apart(err) {
		errs = append(errs, f.wrap(e))
	}
	return errors.Join(errs...)
}

// Annotate turns problems into one error with positions, nil when there are none. Of
// several at one path the first is told: the others may be gone with it.
func (f *File) Annotate(problems []Problem) error {
	var errs []error
	seen := make(map[string]bool)
	for _, p := range problems {
		if seen[p.Path] {
			continue
		}
		seen[p.Path] = true
		tok := f.tokenAt(p.Path)
		errs = append(errs, f.at(tok, p.Message))
	}
	return f.theFirst(errs)
}

// AtValue is an error at the value of a key in a mapping at the top of the file, whatever
// the key's characters; at the mapping where there is no such key.
func (f *File) AtValue(section, key, msg string) *Error {
	for _, top := range Pairs(f.root) {
		if top.Key.GetToken().Value != section {
			continue
		}
		for _, kv := range Pairs(top.Value) {
			if kv.Key.GetToken().Value == key {
				return f.at(first(kv.Value), msg)
			}
		}
		return f.at(first(top.Value), msg)
	}
	return f.at(nil, msg)
}

// tokenAt finds the token of a path, or of its nearest ancestor that the file has.
func (f *File) tokenAt(path string) *token.Token {
	for path != "" && path != "$" {
		if p, err := yaml.PathString(path); err == nil {
			if n, err := p.FilterNode(f.root); err == nil && n != nil {
				return first(n)
			}
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			break
		}
		path = path[:cut]
	}
	return first(f.root)
}

// first is the token where a node begins; a mapping's own token is its first colon.
func first(n ast.Node) *token.Token {
	switch n := n.(type) {
	case *ast.MappingNode:
		if n.IsFlowStyle || len(n.Values) == 0 {
			return n.GetToken()
		}
		return n.Values[0].Key.GetToken()
	case *ast.MappingValueNode:
		return n.Key.GetToken()
	}
	return n.GetToken()
}

func (f *File) at(tok *token.Token, msg string) *Error {
	e := &Error{File: f.Name, Line: 1, Column: 1, Message: msg}
	if tok != nil && tok.Position != nil {
		e.Line, e.Column = tok.Position.Line, tok.Position.Column
		e.Excerpt = f.excerpt(e.Line, e.Column)
	}
	return e
}

// excerpt shows the line and points at the column.
func (f *File) excerpt(line, col int) string {
	if f.lines == nil {
		f.lines = strings.Split(string(f.Data), "\n")
	}
	lines := f.lines
	if line < 1 || line > len(lines) {
		return ""
	}
	text := []rune(strings.Map(shown, strings.ToValidUTF8(strings.TrimRight(lines[line-1], "\r"), "·")))
	before := max(col-1, 0)
	if cut := before - widest/2; cut > 0 && len(text) > widest {
		text, before = append([]rune("…"), text[min(cut, len(text)):]...), before-cut+1
	}
	if len(text) > widest {
		text = append(text[:widest:widest], '…')
	}
	return fmt.Sprintf("%5d | %s\n      | %s^", line, string(text), strings.Repeat(" ", before))
}

// widest is how much of a line an excerpt shows.
const widest = 200

// shown keeps what a terminal would obey out of an excerpt.
func shown(r rune) rune {
	switch {
	case r == '\t':
		return ' '
	case !unicode.IsPrint(r):
		return '·'
	}
	return r
}

// wrap gives an error of the YAML library our form.
func (f *File) wrap(err error) error {
	if tok, msg, ok := place(err); ok {
		return f.at(tok, msg)
	}
	return &Error{File: f.Name, Line: 1, Column: 1, Message: err.Error()}
}

// DecodeNode fills v from a part of a file, for types that decode themselves. Its
// errors keep their positions.
func DecodeNode(n ast.Node, v any) error {
	if bad := check(n, reflect.TypeOf(v)); len(bad) > 0 {
		return errors.Join(bad...)
	}
	return yaml.NodeToValue(n, v, yaml.Strict())
}

// Pairs are the keys and values of a mapping, nil for other nodes.
func Pairs(n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

// Fields maps the YAML names of a struct's fields to their types.
func Fields(t reflect.Type) map[string]reflect.Type {
	out := make(map[string]reflect.Type)
	for i := range t.NumField() {
		field := t.Field(i)
		name, opts, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		switch {
		case name == "-" || !field.IsExported():
		case strings.Contains(opts, "inline"):
			for k, v := range Fields(field.Type) {
				out[k] = v
			}
		case name != "":
			out[name] = field.Type
		}
	}
	return out
}
