package scenarios

import (
	"encoding/json"
	"reflect"
	"slices"

	"github.com/invopop/jsonschema"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/units"
	es "github.com/shardquake/shardquake/scenarios/es/section"
)

// Schema is the JSON schema of scenario files, for completion and checks in editors.
func Schema(voc Vocabulary) ([]byte, error) {
	r := &jsonschema.Reflector{
		FieldNameTag: "yaml", DoNotReference: true, RequiredFromJSONSchemaTags: true, Anonymous: true,
		Mapper: func(t reflect.Type) *jsonschema.Schema { return quantitySchema(t) },
	}
	r.Mapper = func(t reflect.Type) *jsonschema.Schema {
		switch t {
		case reflect.TypeFor[chaos.Entry]():
			return faultsSchema(r)
		case reflect.TypeFor[NodesSection]():
			return nodesSchema(r)
		case reflect.TypeFor[GrowthSection]():
			detailed := r.ReflectFromType(reflect.TypeFor[plainGrowth]())
			detailed.Version = ""
			return &jsonschema.Schema{OneOf: []*jsonschema.Schema{detailed, quantitySchema(reflect.TypeFor[units.GrowthRate]())}}
		case reflect.TypeFor[Expect]():
			return expectSchema(r, voc.Expectations())
		case reflect.TypeFor[CopySection]():
			return eitherWord(r, reflect.TypeFor[es.CopyMapping](), &jsonschema.Schema{Type: "string"})
		case reflect.TypeFor[RestSection]():
			return eitherWord(r, reflect.TypeFor[plainRest](), &jsonschema.Schema{Type: "string", Enum: []any{restNone}})
		case reflect.TypeFor[Varied]():
			return variedSchema()
		case reflect.TypeFor[ScopedExpect]():
			out := expectSchema(r, voc.Expectations())
			for _, s := range out.OneOf {
				s.Properties.Set(afterKey, &jsonschema.Schema{Type: "array", Items: &jsonschema.Schema{Type: "string"}, Description: "losses that it is for: node or master or pair or an attribute; default: those of survive"})
			}
			return out
		}
		return quantitySchema(t)
	}
	s := r.Reflect(&Scenario{})
	s.Title = "Shardquake scenario"
	if c, ok := s.Properties.Get("controller"); ok {
		if p, ok := c.Properties.Get("policy"); ok {
			for _, name := range voc.Policies {
				p.Enum = append(p.Enum, name)
			}
		}
	}
	if x, ok := s.Properties.Get("explore"); ok {
		if kinds, ok := x.Properties.Get("kinds"); ok {
			for _, k := range chaos.Kinds() {
				if k.Draw != nil {
					kinds.Items.Enum = append(kinds.Items.Enum, k.Name)
				}
			}
		}
	}
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(out, '\n'), nil
}

// quantitySchema describes the quantities, which are texts with a unit.
func quantitySchema(t reflect.Type) *jsonschema.Schema {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	text := func(pattern, example string) *jsonschema.Schema {
		return &jsonschema.Schema{Type: "string", Pattern: pattern, Examples: []any{example}}
	}
	const number = `[0-9]+(\.[0-9]+)?`
	switch t {
	case reflect.TypeFor[units.Duration]():
		return text(`^(0|(`+number+`(ns|us|µs|ms|s|m|h))+)$`, "90s")
	case reflect.TypeFor[units.Tolerance]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{text(`^`+number+` *(%|us|ms|s|m|h|b|kb|mb|gb)?$`, "5%"), {Type: "number", Minimum: "0"}}}
	case reflect.TypeFor[units.Size]():
		return text(`^`+number+` *(b|kb|mb|gb|tb|pb)$`, "50mb")
	case reflect.TypeFor[units.Percent]():
		return text(`^`+number+` *%$`, "92%")
	case reflect.TypeFor[units.Rate]():
		return text(`^`+number+`/(s|m|h)$`, "500/s")
	case reflect.TypeFor[units.Bandwidth]():
		return text(`^`+number+` *([kmg]bit|(b|kb|mb|gb)/s)$`, "1gbit")
	case reflect.TypeFor[units.Days]():
		return text(`^[0-9]+ *(d|days?|w|weeks?|y|years?)$`, "26w")
	case reflect.TypeFor[units.GrowthRate]():
		return text(`^`+number+` *%/(d|day|w|week|y|year)$`, "3%/week")
	case reflect.TypeFor[units.GrowthSize]():
		return text(`^`+number+` *(b|kb|mb|gb|tb|pb)/(d|day|w|week|y|year)$`, "20gb/day")
	case reflect.TypeFor[units.Fraction]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{text(`^1/[0-9]+$`, "1/1000"), {Type: "integer", Const: 1}}}
	case reflect.TypeFor[units.Skew]():
		return text(`^(even|zipf\(`+number+`\))$`, "zipf(1.1)")
	case reflect.TypeFor[chaos.Answer]():
		out := &jsonschema.Schema{Enum: []any{429, 503}} // also without quotes
		for _, a := range chaos.SpoiledAnswers() {
			out.Enum = append(out.Enum, a)
		}
		return out
	case reflect.TypeFor[units.ShareBound]():
		return text(`^(<|<=|>|>=|=)? *`+number+` *%$`, "< 1 %")
	case reflect.TypeFor[units.Bound]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{text(`^(<|<=|>|>=|=)? *-?`+number+`$`, "< 0.1"), {Type: "number"}}}
	}
	return nil
}

// variedSchema is a range or a list for each path.
func variedSchema() *jsonschema.Schema {
	one := uint64(1)
	single := &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "string"}, {Type: "number"}, {Type: "boolean"}}}
	return &jsonschema.Schema{Type: "object", MinProperties: &one, AdditionalProperties: &jsonschema.Schema{OneOf: []*jsonschema.Schema{
		{Type: "string", Pattern: `\.\.`, Examples: []any{"2m..8m"}}, {Type: "array", Items: single, MinItems: &one},
	}}}
}

// eitherWord is a word, or a mapping.
func eitherWord(r *jsonschema.Reflector, mapping reflect.Type, word *jsonschema.Schema) *jsonschema.Schema {
	long := r.ReflectFromType(mapping)
	long.Version = ""
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{word, long}}
}

// nodesSchema is a mapping, or a list of groups.
func nodesSchema(r *jsonschema.Reflector) *jsonschema.Schema {
	alike, group := r.ReflectFromType(reflect.TypeFor[plainNodes]()), r.ReflectFromType(reflect.TypeFor[NodeGroup]())
	alike.Version, group.Version = "", ""
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{alike, {Type: "array", Items: group}}}
}

// faultsSchema is one alternative for each kind of fault, with a time or a trigger.
func faultsSchema(r *jsonschema.Reflector) *jsonschema.Schema {
	out := &jsonschema.Schema{}
	duration := quantitySchema(reflect.TypeFor[units.Duration]())
	state := &jsonschema.Schema{Type: "string", Pattern: "^(green|yellow|red|steady)( again)?$", Examples: []any{"green again"}}
	part := func(t reflect.Type) *jsonschema.Schema {
		s := r.ReflectFromType(t)
		s.Version = ""
		return s
	}
	for _, k := range chaos.Kinds() {
		props := jsonschema.NewProperties()
		props.Set("at", duration)
		props.Set("when", state)
		props.Set("while", part(reflect.TypeFor[chaos.While]()))
		props.Set("after", part(reflect.TypeFor[chaos.After]()))
		params := part(reflect.TypeOf(k.New()).Elem())
		params.Description = k.About
		if lasts, has := params.Properties.Get("for"); has {
			either := *lasts
			params.Properties.Set("for", &jsonschema.Schema{Description: lasts.Description, OneOf: []*jsonschema.Schema{
				&either, {Type: "string", Pattern: "^until (green|yellow|red|steady)( again)?$"},
			}})
		}
		props.Set(k.Name, params)
		var times []*jsonschema.Schema
		for _, key := range []string{"at", "when", "while", "after"} {
			times = append(times, &jsonschema.Schema{Required: []string{key}})
		}
		out.OneOf = append(out.OneOf, &jsonschema.Schema{
			Type: "object", Properties: props, Required: []string{k.Name}, AnyOf: times, AdditionalProperties: jsonschema.FalseSchema,
		})
	}
	return out
}

// expectSchema is one alternative for each kind of expectation.
func expectSchema(r *jsonschema.Reflector, kinds []ExpectationKind) *jsonschema.Schema {
	out := &jsonschema.Schema{}
	for _, k := range kinds {
		s := r.ReflectFromType(reflect.TypeOf(k.New()).Elem())
		s.Version = ""
		s.Description = k.About
		tolerance := quantitySchema(reflect.TypeFor[units.Tolerance]())
		tolerance.Description = "how far its figure may differ between two runs that count as alike"
		s.Properties.Set(toleranceKey, tolerance)
		if !slices.Contains(s.Required, k.Name) {
			s.Required = append(s.Required, k.Name)
		}
		out.OneOf = append(out.OneOf, s)
	}
	return out
}
