package rest

import (
	"fmt"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
)

// mediaType is a parsed Accept or Content-Type header (ParsedMediaType).
type mediaType struct {
	raw    string
	Kind   string // without parameters, in lower case
	params []mediaParam
}

type mediaParam struct{ name, value string }

func (m *mediaType) param(name string) (string, bool) {
	for _, p := range m.params {
		if p.name == name {
			return p.value, true
		}
	}
	return "", false
}

// bodyFormat is how a body is written.
type bodyFormat uint8

const (
	noFormat bodyFormat = iota
	JSONFormat
	YAMLFormat
	NDJSONFormat
	textFormat // text/plain: known, but no structured body
	binaryFormat
)

// FormatOf is the body format of a media type's name.
func FormatOf(kind string) bodyFormat {
	switch kind {
	case "application/json", "application/vnd.elasticsearch+json", "application/*", "*/*":
		return JSONFormat
	case "application/x-ndjson", "application/vnd.elasticsearch+x-ndjson":
		return NDJSONFormat
	case "application/yaml", "application/vnd.elasticsearch+yaml":
		return YAMLFormat
	case "text/plain":
		return textFormat
	case "application/smile", "application/cbor", "application/vnd.elasticsearch+smile", "application/vnd.elasticsearch+cbor":
		return binaryFormat
	}
	return noFormat
}

// plainJSON is what most requests say.
var plainJSON = &mediaType{raw: "application/json", Kind: "application/json"}

func parseMediaType(header string) (*mediaType, error) {
	if header == plainJSON.raw {
		return plainJSON, nil
	}
	if strings.Contains(header, ",") {
		// A list, such as a browser's or the JavaScript client's: a node reads none of it
		// (ParsedMediaType.isMediaRange), wherever the comma stands.
		return nil, nil
	}
	parts := strings.Split(header, ";")
	kind := strings.ToLower(strings.TrimSpace(parts[0]))
	if kind == "*/*" || kind == "*" {
		return nil, nil
	}
	if !isToken(kind) {
		return nil, fmt.Errorf("invalid media-type [%s]", header)
	}
	m := &mediaType{raw: header, Kind: kind}
	for _, p := range parts[1:] {
		if p = strings.TrimSpace(p); p == "" {
			continue
		}
		name, value, ok := strings.Cut(p, "=")
		if !ok || strings.TrimSpace(name) != name || strings.TrimSpace(value) != value {
			return nil, fmt.Errorf("invalid parameters for header [%s]", header)
		}
		m.params = append(m.params, mediaParam{strings.ToLower(name), strings.ToLower(value)})
	}
	return m, nil
}

// isToken reports whether the text is "token/token".
func isToken(kind string) bool {
	main, sub, ok := strings.Cut(kind, "/")
	valid := func(s string) bool {
		return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~") == ""
	}
	return ok && valid(main) && valid(sub)
}

// parseMedia reads both headers and checks the compatible version.
func (r *Request) parseMedia() *elastic.Error {
	for _, h := range []struct {
		name string
		to   **mediaType
	}{{"Accept", &r.Accept}, {"Content-Type", &r.contentType}} {
		values := r.header.Values(h.name)
		if len(values) == 0 {
			continue
		}
		var err error
		switch {
		case len(values) > 1:
			err = fmt.Errorf("Incorrect header [%s]. Only one value should be provided", h.name) //nolint:staticcheck // Elasticsearch's text
		case strings.TrimSpace(values[0]) == "":
			err = fmt.Errorf("Header [%s] cannot be empty.", h.name) //nolint:staticcheck // Elasticsearch's text
		default:
			*h.to, err = parseMediaType(values[0])
		}
		if err != nil {
			return mediaError("["+h.name+"]", "illegal_argument_exception", err.Error())
		}
	}
	return r.checkCompatible()
}

func mediaError(headers, kind, cause string) *elastic.Error {
	return &elastic.Error{
		Status: 400, Type: "media_type_header_exception",
		Reason:   "Invalid media-type value on headers " + headers,
		CausedBy: &elastic.Error{Type: kind, Reason: cause},
	}
}

// checkCompatible is RestCompatibleVersionHelper for version 8.
func (r *Request) checkCompatible() *elastic.Error {
	accept, hasAccept := compatibleWith(r.Accept)
	content, hasContent := compatibleWith(r.contentType)
	refuse := func(format string, args ...any) *elastic.Error {
		return mediaError("[Accept, Content-Type]", "status_exception", fmt.Sprintf(format, args...))
	}
	show := func(m *mediaType) string {
		if m == nil {
			return "null"
		}
		return m.raw
	}
	switch {
	case hasAccept && accept != "7" && accept != "8":
		return refuse("Accept version must be either version 8 or 7, but found %s. Accept=%s", accept, show(r.Accept))
	case len(r.Body) == 0:
		return nil
	case hasContent && content != "7" && content != "8":
		return refuse("Content-Type version must be either version 8 or 7, but found %s. Content-Type=%s", content, show(r.contentType))
	case hasAccept != hasContent:
		return refuse("A compatible version is required on both Content-Type and Accept headers if either one has requested a "+
			"compatible version. Accept=%s, Content-Type=%s", show(r.Accept), show(r.contentType))
	case hasAccept && accept != content:
		return refuse("A compatible version is required on both Content-Type and Accept headers if either one has requested a "+
			"compatible version and the compatible versions must match. Accept=%s, Content-Type=%s", show(r.Accept), show(r.contentType))
	}
	return nil
}

func compatibleWith(m *mediaType) (string, bool) {
	if m == nil || !strings.HasPrefix(m.Kind, "application/vnd.elasticsearch+") {
		return "", false
	}
	return m.param("compatible-with")
}

// CheckContentType refuses a body that the handler can't read.
func (r *Request) CheckContentType(bulk bool) *elastic.Error {
	if len(r.Body) == 0 {
		return nil
	}
	values := r.header.Values("Content-Type")
	format := noFormat
	if r.contentType != nil {
		format = FormatOf(r.contentType.Kind)
	}
	switch {
	case format == noFormat || format == textFormat || format == NDJSONFormat && !bulk:
		return &elastic.Error{Status: 406, Reason: "Content-Type header [" + strings.Join(values, ",") + "] is not supported"}
	case format == YAMLFormat || format == binaryFormat:
		return &elastic.Error{Status: 406, Reason: "Content-Type header [" + strings.Join(values, ",") + "] is not supported"}
	}
	return nil
}

// ResponseFormat is how the answer is written and its Content-Type.
func (r *Request) ResponseFormat() (bodyFormat, string) {
	switch strings.ToLower(r.Param("format")) {
	case "json":
		return JSONFormat, "application/json"
	case "yaml":
		return YAMLFormat, "application/yaml"
	}
	if r.Accept != nil {
		switch format := FormatOf(r.Accept.Kind); {
		case strings.HasSuffix(r.Accept.Kind, "*"):
		case format == JSONFormat, format == YAMLFormat:
			return format, r.Accept.contentType()
		case format == NDJSONFormat:
			return JSONFormat, "application/json"
		}
	}
	return JSONFormat, "application/json"
}

// contentType echoes the accepted type with its parameters.
func (m *mediaType) contentType() string {
	text := m.Kind
	for _, p := range m.params {
		text += ";" + p.name + "=" + p.value
	}
	return text
}
