package compare

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/invopop/jsonschema"

	"github.com/shardquake/shardquake/reports/divergence"
)

// JSONSchema describes what JSON writes. It is read off the types that are written, so that
// nothing stands in it that they don't have.
func JSONSchema() ([]byte, error) {
	r := &jsonschema.Reflector{DoNotReference: true, RequiredFromJSONSchemaTags: true, Anonymous: true}
	r.Mapper = func(t reflect.Type) *jsonschema.Schema {
		switch t {
		case reflect.TypeFor[Verdict]():
			s := &jsonschema.Schema{Type: "string"}
			for _, v := range verdicts {
				s.Enum = append(s.Enum, v)
			}
			return s
		case reflect.TypeFor[Amount]():
			return orNull(&jsonschema.Schema{Type: "number"})
		case reflect.TypeFor[[2]*float64]():
			return pairOf(orNull(&jsonschema.Schema{Type: "number"}))
		case reflect.TypeFor[[2]*divergence.Moment]():
			return pairOf(orNull(nested(r, reflect.TypeFor[divergence.Moment]())))
		case reflect.TypeFor[[2][]divergence.Moment]():
			return pairOf(orNull(&jsonschema.Schema{Type: "array", Items: nested(r, reflect.TypeFor[divergence.Moment]())}))
		}
		return nil
	}
	s := r.Reflect(&Result{})
	s.Title = "Shardquake comparison, " + Schema
	if word, ok := s.Properties.Get("schema"); ok {
		word.Const = Schema
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("schema of comparisons: %w", err)
	}
	return append(text, '\n'), nil
}

func nested(r *jsonschema.Reflector, t reflect.Type) *jsonschema.Schema {
	s := r.ReflectFromType(t)
	s.Version = ""
	return s
}

func orNull(s *jsonschema.Schema) *jsonschema.Schema {
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{s, {Type: "null"}}}
}

// pairOf is of the base and of the contender.
func pairOf(s *jsonschema.Schema) *jsonschema.Schema {
	two := uint64(2)
	return &jsonschema.Schema{Type: "array", Items: s, MinItems: &two, MaxItems: &two}
}
