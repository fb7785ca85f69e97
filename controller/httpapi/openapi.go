package httpapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/invopop/jsonschema"

	"github.com/shardquake/shardquake/controller/policy"
)

// The parts of an OpenAPI 3.1 document that are used here.
type (
	apiDocument struct {
		OpenAPI    string                             `json:"openapi"`
		Info       apiInfo                            `json:"info"`
		Servers    []apiServer                        `json:"servers"`
		Paths      map[string]map[string]apiOperation `json:"paths"`
		Components *apiComponents                     `json:"components,omitempty"`
	}
	apiServer struct {
		URL string `json:"url"`
	}
	apiComponents struct {
		SecuritySchemes map[string]apiSecurity `json:"securitySchemes"`
	}
	apiSecurity struct {
		Type        string `json:"type"`
		Scheme      string `json:"scheme"`
		Description string `json:"description"`
	}
	apiInfo struct {
		Title       string `json:"title"`
		Version     string `json:"version"`
		Description string `json:"description"`
	}
	apiOperation struct {
		Summary     string                `json:"summary"`
		Parameters  []apiParameter        `json:"parameters,omitempty"`
		RequestBody *apiContent           `json:"requestBody,omitempty"`
		Responses   map[string]apiContent `json:"responses"`
		Security    []map[string][]string `json:"security,omitempty"`
	}
	apiParameter struct {
		Name        string            `json:"name"`
		In          string            `json:"in"`
		Required    bool              `json:"required,omitempty"`
		Description string            `json:"description,omitempty"`
		Schema      map[string]string `json:"schema"`
	}
	apiContent struct {
		Description string              `json:"description,omitempty"`
		Required    bool                `json:"required,omitempty"`
		Content     map[string]apiMedia `json:"content,omitempty"`
	}
	apiMedia struct {
		Schema *jsonschema.Schema `json:"schema,omitempty"`
	}
)

// bearer is the name of the scheme by which a token is presented.
const bearer = "token"

// describe writes the OpenAPI document of the routes. With a token most of them ask for it.
func describe(routes []route, token bool) ([]byte, error) {
	doc := apiDocument{
		OpenAPI: "3.1.0",
		Info: apiInfo{
			Title: "Shardquake controller", Version: "1",
			Description: "Looks after the shards of an Elasticsearch cluster. Errors have the form {error: {type, reason}, status}.",
		},
		Servers: []apiServer{{"/"}},
		Paths:   map[string]map[string]apiOperation{},
	}
	if token {
		doc.Components = &apiComponents{map[string]apiSecurity{bearer: {"http", "bearer", "The token that the controller was started with."}}}
	}
	for _, r := range routes {
		if doc.Paths[r.path] == nil {
			doc.Paths[r.path] = map[string]apiOperation{}
		}
		op := operation(r)
		if token && !r.open {
			op.Security = []map[string][]string{{bearer: {}}}
		}
		doc.Paths[r.path][strings.ToLower(r.method)] = op
	}
	out, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("openapi document: %w", err)
	}
	return append(out, '\n'), nil
}

func operation(r route) apiOperation {
	op := apiOperation{Summary: r.about, Responses: map[string]apiContent{
		"default": {Description: "an error", Content: jsonContent(failure{})},
	}}
	ok := apiContent{Description: "done"}
	if r.answer != nil {
		ok.Content = jsonContent(r.answer)
	} else if r.media != "" {
		ok.Content = map[string]apiMedia{r.media: {}}
	}
	op.Responses[strconv.Itoa(cmp.Or(r.status, http.StatusOK))] = ok
	if r.body != nil {
		op.RequestBody = &apiContent{Required: true, Content: jsonContent(r.body)}
	}
	for _, part := range strings.Split(r.path, "/") {
		if name, found := strings.CutPrefix(part, "{"); found {
			op.Parameters = append(op.Parameters, apiParameter{Name: strings.TrimSuffix(name, "}"), In: "path", Required: true, Schema: map[string]string{"type": "string"}})
		}
	}
	for _, q := range r.query {
		op.Parameters = append(op.Parameters, apiParameter{Name: q.name, In: "query", Description: q.about, Schema: map[string]string{"type": q.kind}})
	}
	return op
}

func jsonContent(v any) map[string]apiMedia {
	r := jsonschema.Reflector{DoNotReference: true, Anonymous: true, Mapper: knownSchema}
	s := r.Reflect(v)
	s.Version = ""
	return map[string]apiMedia{"application/json": {Schema: s}}
}

// knownSchema describes the types that don't look in JSON as they do in Go.
func knownSchema(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[policy.Numbers]():
		return &jsonschema.Schema{Type: "object", AdditionalProperties: &jsonschema.Schema{}}
	case reflect.TypeFor[time.Duration]():
		return &jsonschema.Schema{Type: "integer", Description: "nanoseconds"}
	}
	return nil
}
