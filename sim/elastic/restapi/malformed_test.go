package restapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a node of 8.19.0 was seen to say of documents that it cannot take.
func TestMalformedDocumentsAreToldAsANodeTells(t *testing.T) {
	const parsing = "document_parsing_exception"
	w := newWorld(t, 1)
	w.run(func(ctx context.Context) {
		created := w.do(ctx, "PUT", "/ix", `{"settings":{"number_of_replicas":0},"mappings":{"properties":{"n":{"type":"long"},"k":{"type":"keyword"},"t":{"type":"text"}}}}`)
		require.Equal(t, 200, created.status, created.body)
		for _, c := range []struct {
			doc          string
			status       int
			kind, reason string
		}{
			{`{broken`, 400, parsing, "[1:1] failed to parse: [1:2] Unexpected character ('b' (code 98)): was expecting double-quote to start field name\n at [Source: (byte[])\"{broken\"; line: 1, column: 2]"},
			{`{`, 400, parsing, "[1:1] failed to parse: [1:2] Unexpected end of file"},
			{`{"a"`, 400, parsing, "[1:2] failed to parse: [1:5] Unexpected end of file"},
			{`{"a":`, 400, parsing, "[1:2] failed to parse: [1:6] Unexpected end of file"},
			{`{"a":1`, 400, parsing, "[1:6] failed to parse: [1:7] Unexpected end of file"},
			{`{"a":1,`, 400, parsing, "[1:6] failed to parse: [1:8] Unexpected end-of-input within/between Object entries\n at [Source: (byte[])\"{\"a\":1,\"; line: 1, column: 8]"},
			{`{"a":1,}`, 400, parsing, "[1:6] failed to parse: [1:8] Unexpected character ('}' (code 125)): was expecting double-quote to start field name\n at [Source: (byte[])\"{\"a\":1,}\"; line: 1, column: 8]"},
			{"{\"a\":1,\n \"b\":", 400, parsing, "[2:2] failed to parse: [2:6] Unexpected end of file"},
			{`{"a":[1,`, 400, parsing, "[1:7] failed to parse: [1:9] Unexpected end-of-input within/between Array entries\n at [Source: (byte[])\"{\"a\":[1,\"; line: 1, column: 9]"},
			{`{"a":[1,2}`, 400, parsing, "[1:10] failed to parse: [1:10] Unexpected close marker '}': expected ']' (for Array starting at [Source: (byte[])\"{\"a\":[1,2}\"; line: 1, column: 6])\n at [Source: (byte[])\"{\"a\":[1,2}\"; line: 1, column: 10]"},
			{`{"a":{"b":1]`, 400, parsing, "[1:12] failed to parse: [1:12] Unexpected close marker ']': expected '}' (for Object starting at [Source: (byte[])\"{\"a\":{\"b\":1]\"; line: 1, column: 6])\n at [Source: (byte[])\"{\"a\":{\"b\":1]\"; line: 1, column: 12]"},
			{`{"a":"x`, 400, parsing, "[1:6] failed to parse: [1:8] Unexpected end-of-input in VALUE_STRING\n at [Source: (byte[])\"{\"a\":\"x\"; line: 1, column: 8]"},
			{`{"a":"\x"}`, 400, parsing, "[1:6] failed to parse: [1:8] Unrecognized character escape 'x' (code 120)\n at [Source: (byte[])\"{\"a\":\"\\x\"}\"; line: 1, column: 8]"},
			{`{"a":1 "b":2}`, 400, parsing, "[1:6] failed to parse: [1:8] Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries\n at [Source: (byte[])\"{\"a\":1 \"b\":2}\"; line: 1, column: 8]"},
			{`{"a":1,"a":2}`, 400, parsing, "[1:6] failed to parse: [1:11] Duplicate field 'a'\n at [Source: (byte[])\"{\"a\":1,\"a\":2}\"; line: 1, column: 11]"},
			{"\n\n{\"a\":\n}", 400, parsing, "[3:2] failed to parse: [4:1] Unexpected character ('}' (code 125)): expected a value\n at [Source: (byte[])\"\n\n{\"a\":\n}\"; line: 4, column: 1]"},
			{`{"a":1}}`, 400, parsing, "[1:8] [1:8] Unexpected close marker '}': expected ']' (for root starting at [Source: (byte[])\"{\"a\":1}}\"; line: 1, column: 0])\n at [Source: (byte[])\"{\"a\":1}}\"; line: 1, column: 8]"},
			{`{"a":1} x`, 400, parsing, "[1:10] [1:10] Unrecognized token 'x': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')\n at [Source: (byte[])\"{\"a\":1} x\"; line: 1, column: 10]"},
			{`{"a":1}{"b":2}`, 400, "illegal_argument_exception", "Malformed content, found extra data after parsing: START_OBJECT"},
			{`x`, 500, "not_x_content_exception", "Compressor detection can only be called on some xcontent bytes or compressed xcontent bytes"},
			{`[1]`, 500, "not_x_content_exception", "Compressor detection can only be called on some xcontent bytes or compressed xcontent bytes"},
			{`/* c */{}`, 500, "not_x_content_exception", "Compressor detection can only be called on some xcontent bytes or compressed xcontent bytes"},
			{`{"":1}`, 400, parsing, "[1:2] failed to parse: field name cannot be an empty string"},
			{`{".a":1}`, 400, parsing, "[1:2] failed to parse: field name cannot contain only whitespace: ['.a']"},
			{`{"a..b":1}`, 400, parsing, "[1:2] failed to parse: field name cannot contain only whitespace: ['a..b']"},
			{`{"n":{"x":1}}`, 400, parsing, "[1:12] failed to parse field [n] of type [long] in document with id '1'. Preview of field's value: '{x=1}'"},
			{`{"k":[{"a":1}]}`, 400, parsing, "[1:13] failed to parse field [k] of type [keyword] in document with id '1'. Preview of field's value: '{a=1}'"},
			{`{"t":{"a":1}}`, 400, parsing, "[1:12] failed to parse field [t] of type [text] in document with id '1'. Preview of field's value: '{a=1}'"},
			{`{"n":""}`, 201, "", ""},
		} {
			r := w.do(ctx, "PUT", "/ix/_doc/1", c.doc)
			require.NoError(t, r.err)
			var got struct {
				Error struct{ Type, Reason string }
			}
			require.NoError(t, json.Unmarshal([]byte(r.body), &got))
			assert.Equal(t, fmt.Sprint(c.status, c.kind, c.reason), fmt.Sprint(r.status, got.Error.Type, got.Error.Reason), "%s", c.doc)
		}
	})
}
