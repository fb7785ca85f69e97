package source

import (
	"reflect"

	"github.com/goccy/go-yaml"
)

// plain says for people what a value of the wrong kind is and what it should be: the
// YAML library speaks of Go's types.
func plain(e *yaml.TypeError) string {
	return "expected " + kindName(e.DstType) + ", not " + kindName(e.SrcType)
}

// kindName is what a user calls values of a type.
func kindName(t reflect.Type) string {
	if t == nil {
		return "nothing"
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "a mapping"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Float32, reflect.Float64:
		return "a number"
	}
	return "a " + t.String()
}
