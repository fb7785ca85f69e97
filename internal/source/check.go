package source

import (
	"encoding"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strconv"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

var nodeUnmarshaler = reflect.TypeFor[yaml.NodeUnmarshaler]()

// check compares a node with the type it will fill, all the way down, and returns
// everything that could not be read: misspelt keys with the nearest that exists, and
// values of the wrong kind. The YAML library stops at the first, and cuts a fraction
// off where a whole number is wanted.
func check(n ast.Node, t reflect.Type) []error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	_, null := n.(*ast.NullNode)
	if reflect.PointerTo(t).Implements(nodeUnmarshaler) {
		if null {
			return nil // left as it is
		}
		return apart(reflect.New(t).Interface().(yaml.NodeUnmarshaler).UnmarshalYAML(n))
	}
	if ownText(t) || (null && t.Kind() != reflect.Struct) || !plainNode(n) {
		return nil // the library knows
	}
	wrong := []error{&yaml.SyntaxError{Message: "expected " + kindName(t) + ", not " + nodeName(n), Token: first(n)}}
	switch t.Kind() {
	case reflect.Struct:
		if Pairs(n) == nil && !emptyMapping(n) {
			return wrong
		}
		return checkKeys(n, t)
	case reflect.Map:
		if Pairs(n) == nil && !emptyMapping(n) {
			return wrong
		}
		var bad []error
		for _, kv := range Pairs(n) {
			bad = append(bad, check(kv.Value, t.Elem())...)
		}
		return bad
	case reflect.Slice:
		seq, ok := n.(*ast.SequenceNode)
		if !ok {
			return wrong
		}
		var bad []error
		for _, v := range seq.Values {
			bad = append(bad, check(v, t.Elem())...)
		}
		return bad
	case reflect.String:
		if _, ok := n.(ast.ScalarNode); !ok {
			return wrong
		}
	case reflect.Bool:
		if _, ok := n.(*ast.BoolNode); !ok {
			return wrong
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return checkWhole(n, t)
	}
	return nil
}

// ownText reports whether values of a type read themselves from text.
func ownText(t reflect.Type) bool {
	if t == reflect.TypeFor[time.Duration]() {
		return true
	}
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) || p.Implements(reflect.TypeFor[yaml.BytesUnmarshaler]()) ||
		p.Implements(reflect.TypeFor[yaml.InterfaceUnmarshaler]())
}

// plainNode leaves out anchors, aliases, tags and merges.
func plainNode(n ast.Node) bool {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode, *ast.NullNode, *ast.IntegerNode, *ast.FloatNode,
		*ast.StringNode, *ast.LiteralNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return true
	}
	return false
}

// checkWhole wants a whole number that its type can hold.
func checkWhole(n ast.Node, t reflect.Type) []error {
	tok := n.GetToken()
	bad := func(format string, args ...any) []error {
		return []error{&yaml.SyntaxError{Message: fmt.Sprintf(format, args...), Token: tok}}
	}
	var number *big.Int
	switch n := n.(type) {
	case *ast.IntegerNode:
		number, _ = new(big.Int).SetString(fmt.Sprint(n.Value), 10)
	case *ast.FloatNode, *ast.StringNode:
		// What is too large for the library's whole numbers comes as something else.
		if large, ok := new(big.Int).SetString(tok.Value, 10); ok && !large.IsInt64() {
			number = large
		}
	}
	if number == nil {
		return bad("%q is not a whole number", tok.Value)
	}
	v := reflect.New(t).Elem()
	switch {
	case t.Kind() >= reflect.Uint && number.Sign() < 0:
		return bad("%s is negative; expected a number from 0 on", number)
	case t.Kind() >= reflect.Uint && (!number.IsUint64() || v.OverflowUint(number.Uint64())),
		t.Kind() < reflect.Uint && (!number.IsInt64() || v.OverflowInt(number.Int64())):
		return bad("%s is more than a number here can be", number)
	}
	return nil
}

// checkKeys compares a mapping's keys with the fields of the struct it will fill.
func checkKeys(n ast.Node, t reflect.Type) []error {
	var bad []error
	fields := Fields(t)
	for _, kv := range Pairs(n) {
		tok := kv.Key.GetToken()
		field, ok := fields[tok.Value]
		if !ok {
			bad = append(bad, &yaml.SyntaxError{Message: Unknown("key", tok.Value, names(fields)), Token: tok})
			continue
		}
		bad = append(bad, check(kv.Value, field)...)
	}
	return bad
}

func emptyMapping(n ast.Node) bool {
	m, ok := n.(*ast.MappingNode)
	return ok && len(m.Values) == 0
}

// nodeName is what a user calls a node.
func nodeName(n ast.Node) string {
	switch n := n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "nothing"
	case *ast.LiteralNode:
		return "text"
	case *ast.IntegerNode, *ast.FloatNode:
		return "a number"
	default:
		text := []rune(n.GetToken().Value)
		if len(text) > 40 {
			text = append(text[:40:40], '…')
		}
		return strconv.Quote(string(text))
	}
}

// apart takes joined errors apart.
func apart(err error) []error {
	if err == nil {
		return nil
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		var out []error
		for _, e := range several.Unwrap() {
			out = append(out, apart(e)...)
		}
		return out
	}
	return []error{err}
}

// place is where an error of the YAML library, or of [check], is, and what it says.
func place(err error) (*token.Token, string, bool) {
	var wrongType *yaml.TypeError
	if errors.As(err, &wrongType) {
		return wrongType.Token, plain(wrongType), true
	}
	var located yaml.Error
	if errors.As(err, &located) {
		return located.GetToken(), located.GetMessage(), true
	}
	return nil, "", false
}
