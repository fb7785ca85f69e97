package rest

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/shardquake/shardquake/sim/elastic"
)

// ValueKind is the type of a JSON value.
type ValueKind uint8

const (
	NullValue ValueKind = iota
	BoolValue
	NumberValue
	StringValue
	ObjectValue
	ArrayValue
)

// Value is a parsed JSON value with its place in the text, one-based, columns
// in bytes.
type Value struct {
	Kind                ValueKind
	Text                string // of a string, a number, a boolean
	Members             []Member
	Elements            []Value
	Line, Col           int
	Start, End          int // offsets of the value in the text
	CloseLine, CloseCol int
}

type Member struct {
	Name      string
	Line, Col int
	Value     Value
}

// Member finds a member of an object, or nil.
func (v *Value) Member(name string) *Value {
	for i := range v.Members {
		if v.Members[i].Name == name {
			return &v.Members[i].Value
		}
	}
	return nil
}

// TokenName is the name of the value's first token in parsers' messages.
func (v *Value) TokenName() string {
	switch v.Kind {
	case NullValue:
		return "VALUE_NULL"
	case BoolValue:
		return "VALUE_BOOLEAN"
	case NumberValue:
		return "VALUE_NUMBER"
	case StringValue:
		return "VALUE_STRING"
	case ObjectValue:
		return "START_OBJECT"
	}
	return "START_ARRAY"
}

// jsonParser reads JSON and complains as Jackson, Elasticsearch's parser, does.
type jsonParser struct {
	src       []byte
	pos       int
	line      int
	lineStart int
	// "Unexpected end of file"; readers of whole maps see the parser's own message.
	depth  int
	arrays int // open arrays
	// tokens: the reader takes one token at a time; to it the end of the input is
	// "Unexpected end of file". Readers of whole maps hand on the parser's own words.
	tokens bool
	// document: an end of the input between entries is told in the parser's own words.
	document bool
	// tokenLine and tokenCol are where the last token begins that was taken.
	tokenLine, tokenCol int
}

// ParseJSON reads the first value of src; what follows it is not looked at.
func ParseJSON(src []byte) (Value, error) { return (&jsonParser{src: src, line: 1}).parse() }

// ParseTokens is parseJSON for what Elasticsearch reads token by token.
func ParseTokens(src []byte) (Value, error) {
	return (&jsonParser{src: src, line: 1, tokens: true}).parse()
}

// ParseDocument reads a document as mappers do: one object, after which nothing comes. An error
// comes with the place of the last token that was taken; after: it is about what follows the object.
func ParseDocument(src []byte) (v Value, line, col int, after bool, err error) {
	p := &jsonParser{src: src, line: 1, tokens: true, document: true, tokenLine: 1, tokenCol: 1}
	if v, err = p.parse(); err == nil {
		after = true
		err = p.ended()
	}
	return v, p.tokenLine, p.tokenCol, after, err
}

// ended complains of what follows the first value.
func (p *jsonParser) ended() error {
	p.depth, p.arrays = 0, 0
	more, err := p.parse()
	if err == nil && more.Line > 0 {
		err = &elastic.Error{
			Status: 400, Type: "illegal_argument_exception", Reason: "Malformed content, found extra data after parsing: " + more.TokenName(),
		}
	}
	return err
}

func (p *jsonParser) parse() (v Value, err error) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*elastic.Error)
			if !ok {
				panic(r)
			}
			err = e
		}
	}()
	p.space()
	if p.pos >= len(p.src) {
		return Value{}, nil
	}
	switch c := p.src[p.pos]; c {
	case '}':
		p.fail(p.pos, "Unexpected close marker '}': expected ']' (for root starting at "+p.source(1, 0)+")")
	case ']':
		p.fail(p.pos, "Unexpected close marker ']': expected '}' (for root starting at "+p.source(1, 0)+")")
	}
	return p.value(), nil
}

func (p *jsonParser) col(pos int) int { return pos - p.lineStart + 1 }

func (p *jsonParser) source(line, col int) string {
	const limit = 500
	text := p.src
	rest := ""
	if len(text) > limit {
		rest = fmt.Sprintf("[truncated %d bytes]", len(text)-limit)
		text = text[:limit]
	}
	return fmt.Sprintf(`[Source: (byte[])"%s"%s; line: %d, column: %d]`, text, rest, line, col)
}

// fail ends parsing with Jackson's message for what stands at pos.
func (p *jsonParser) fail(pos int, message string) { p.failAs(pos, message, "json_parse_exception") }

func (p *jsonParser) failAs(pos int, message, cause string) {
	line, col := p.line, p.col(pos)
	full := message + "\n at " + p.source(line, col)
	e := &elastic.Error{
		Status: 400, Type: "x_content_parse_exception",
		Reason:   fmt.Sprintf("[%d:%d] %s", line, col, full),
		CausedBy: &elastic.Error{Type: cause, Reason: full},
	}
	if cause == eofException && (p.tokens || p.arrays > 0) {
		e.Type, e.Reason = "x_content_e_o_f_exception", fmt.Sprintf("[%d:%d] Unexpected end of file", line, col)
	}
	panic(e)
}

const eofException = "json_e_o_f_exception"

func (p *jsonParser) eof(message string) { p.failAs(len(p.src), message, eofException) }

// between is the end of the input after a comma.
func (p *jsonParser) between(message string) {
	if p.document {
		p.failAs(len(p.src), message, "json_parse_exception")
	}
	p.eof(message)
}

func (p *jsonParser) unexpected(pos int, message string) {
	r, _ := utf8.DecodeRune(p.src[pos:])
	shown := fmt.Sprintf("'%c' (code %d)", r, r)
	if r < 0x20 {
		shown = fmt.Sprintf("(CTRL-CHAR, code %d)", r)
		p.fail(pos, "Illegal character ("+shown+"): only regular white space (\\r, \\n, \\t) is allowed between tokens")
	}
	p.fail(pos, "Unexpected character ("+shown+")"+message)
}

// space skips white space and comments.
func (p *jsonParser) space() {
	for p.pos < len(p.src) {
		switch c := p.src[p.pos]; {
		case c == '\n':
			p.pos++
			p.line++
			p.lineStart = p.pos
		case c == ' ' || c == '\t' || c == '\r':
			p.pos++
		case c == '/' && p.pos+1 < len(p.src) && p.src[p.pos+1] == '/':
			for p.pos < len(p.src) && p.src[p.pos] != '\n' {
				p.pos++
			}
		case c == '/' && p.pos+1 < len(p.src) && p.src[p.pos+1] == '*':
			p.blockComment()
		default:
			return
		}
	}
}

func (p *jsonParser) blockComment() {
	for p.pos += 2; p.pos < len(p.src); p.pos++ {
		if p.src[p.pos] == '\n' {
			p.line++
			p.lineStart = p.pos + 1
		}
		if p.src[p.pos] == '*' && p.pos+1 < len(p.src) && p.src[p.pos+1] == '/' {
			p.pos += 2
			return
		}
	}
	p.eof("Unexpected end-of-input in a comment")
}

const (
	maxDepth     = 1000
	validValue   = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
	betweenPairs = "Unexpected end-of-input within/between Object entries"
)

func (p *jsonParser) value() Value {
	c := p.src[p.pos]
	v := Value{Line: p.line, Col: p.col(p.pos), Start: p.pos}
	switch {
	case c == '{':
		p.took(v.Line, v.Col)
		p.object(&v)
	case c == '[':
		p.took(v.Line, v.Col)
		p.array(&v)
	case c == '"':
		p.took(v.Line, v.Col) // its text is read later
		v.Kind, v.Text = StringValue, p.stringText("VALUE_STRING")
	case c == '-' || c >= '0' && c <= '9':
		v.Kind, v.Text = NumberValue, p.number()
	case c == '+':
		p.fail(p.pos+1, "Unexpected character ('+' (code 43)) in numeric value: JSON spec does not allow numbers to have plus signs: "+
			"enable `JsonReadFeature.ALLOW_LEADING_PLUS_SIGN_FOR_NUMBERS` to allow")
	case c == '}' || c == ']':
		p.unexpected(p.pos, ": expected a value")
	case isIdentifier(c):
		v.Kind, v.Text = p.word()
	default:
		p.unexpected(p.pos, ": expected a valid value "+validValue)
	}
	if v.Kind == NumberValue || v.Kind == BoolValue || v.Kind == NullValue {
		p.took(v.Line, v.Col)
	}
	v.End = p.pos
	return v
}

// took remembers where a token begins.
func (p *jsonParser) took(line, col int) { p.tokenLine, p.tokenCol = line, col }

func isIdentifier(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$' || c >= utf8.RuneSelf
}

func (p *jsonParser) word() (ValueKind, string) {
	start := p.pos
	for p.pos < len(p.src) && (isIdentifier(p.src[p.pos]) || p.src[p.pos] >= '0' && p.src[p.pos] <= '9') {
		p.pos++
	}
	switch word := string(p.src[start:p.pos]); word {
	case "true", "false":
		return BoolValue, word
	case "null":
		return NullValue, ""
	case "NaN", "Infinity", "INF":
		p.fail(p.pos, "Non-standard token '"+word+"': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow")
	default:
		at := p.pos
		if at < len(p.src) {
			at++
		}
		p.fail(at, "Unrecognized token '"+word+"': was expecting "+validValue)
	}
	return NullValue, ""
}

func (p *jsonParser) enter(pos int) {
	if p.depth++; p.depth > maxDepth {
		p.fail(pos, fmt.Sprintf("Document nesting depth (%d) exceeds the maximum allowed (%d, from `StreamReadConstraints.getMaxNestingDepth()`)",
			p.depth, maxDepth))
	}
}

func (p *jsonParser) object(v *Value) {
	v.Kind = ObjectValue
	p.enter(p.pos)
	p.pos++
	for first := true; ; first = false {
		if p.space(); p.pos >= len(p.src) {
			p.eof("Unexpected end-of-input: expected close marker for Object (start marker at " + p.source(v.Line, v.Col) + ")")
		}
		c := p.src[p.pos]
		if c == '}' {
			v.CloseLine, v.CloseCol = p.line, p.col(p.pos)
			p.took(v.CloseLine, v.CloseCol)
			p.pos++
			p.depth--
			return
		}
		if c == ']' {
			p.took(p.line, p.col(p.pos))
			p.fail(p.pos, "Unexpected close marker ']': expected '}' (for Object starting at "+p.source(v.Line, v.Col)+")")
		}
		if !first {
			if c != ',' {
				p.unexpected(p.pos, ": was expecting comma to separate Object entries")
			}
			p.pos++
			if p.space(); p.pos >= len(p.src) {
				p.between(betweenPairs)
			}
			c = p.src[p.pos]
		}
		if c != '"' {
			p.unexpected(p.pos, ": was expecting double-quote to start field name")
		}
		m := p.pair(v.Members)
		if v.Members == nil {
			v.Members = make([]Member, 0, 2) // most have as many
		}
		v.Members = append(v.Members, m)
	}
}

func (p *jsonParser) pair(before []Member) Member {
	m := Member{Line: p.line, Col: p.col(p.pos)}
	m.Name = p.stringText("field name")
	for i := range before {
		if before[i].Name == m.Name {
			p.fail(p.pos, "Duplicate field '"+m.Name+"'")
		}
	}
	p.took(m.Line, m.Col)
	if p.space(); p.pos >= len(p.src) {
		p.eof(betweenPairs)
	}
	if p.src[p.pos] != ':' {
		p.unexpected(p.pos, ": was expecting a colon to separate field name and value")
	}
	p.pos++
	if p.space(); p.pos >= len(p.src) {
		p.eof(betweenPairs)
	}
	m.Value = p.value()
	return m
}

func (p *jsonParser) array(v *Value) {
	v.Kind = ArrayValue
	p.enter(p.pos)
	p.arrays++
	p.pos++
	for first := true; ; first = false {
		if p.space(); p.pos >= len(p.src) {
			p.eof("Unexpected end-of-input: expected close marker for Array (start marker at " + p.source(v.Line, v.Col) + ")")
		}
		c := p.src[p.pos]
		if c == ']' {
			v.CloseLine, v.CloseCol = p.line, p.col(p.pos)
			p.took(v.CloseLine, v.CloseCol)
			p.pos++
			p.depth--
			p.arrays--
			return
		}
		if c == '}' {
			p.took(p.line, p.col(p.pos))
			p.fail(p.pos, "Unexpected close marker '}': expected ']' (for Array starting at "+p.source(v.Line, v.Col)+")")
		}
		if !first {
			if c != ',' {
				p.unexpected(p.pos, ": was expecting comma to separate Array entries")
			}
			p.pos++
			if p.space(); p.pos >= len(p.src) {
				if p.document {
					p.between("Unexpected end-of-input within/between Array entries")
				}
				p.eof("Unexpected end-of-input: expected close marker for Array (start marker at " + p.source(v.Line, v.Col) + ")")
			}
		}
		v.Elements = append(v.Elements, p.value())
	}
}

func (p *jsonParser) number() string {
	start := p.pos
	if p.src[p.pos] == '-' {
		p.pos++
		if !p.digit() {
			p.badNumber("expected digit (0-9) to follow minus sign, for valid numeric value")
		}
	}
	if p.src[p.pos] == '0' {
		p.pos++
		if p.digit() {
			p.fail(p.pos, "Invalid numeric value: Leading zeroes not allowed")
		}
	}
	p.digits()
	if p.pos < len(p.src) && p.src[p.pos] == '.' {
		p.pos++
		if !p.digit() {
			p.badNumber("Decimal point not followed by a digit")
		}
		p.digits()
	}
	if p.pos < len(p.src) && (p.src[p.pos] == 'e' || p.src[p.pos] == 'E') {
		p.pos++
		if p.pos < len(p.src) && (p.src[p.pos] == '+' || p.src[p.pos] == '-') {
			p.pos++
		}
		if !p.digit() {
			p.badNumber("Exponent indicator not followed by a digit")
		}
		p.digits()
	}
	return string(p.src[start:p.pos])
}

func (p *jsonParser) digit() bool {
	return p.pos < len(p.src) && p.src[p.pos] >= '0' && p.src[p.pos] <= '9'
}

func (p *jsonParser) digits() {
	for p.digit() {
		p.pos++
	}
}

func (p *jsonParser) badNumber(message string) {
	if p.pos >= len(p.src) {
		p.eof("Unexpected end-of-input in numeric value: " + message)
	}
	p.unexpected(p.pos, " in numeric value: "+message)
}

func (p *jsonParser) stringText(what string) string {
	p.pos++
	start := p.pos
	for p.pos < len(p.src) {
		switch c := p.src[p.pos]; {
		case c == '"':
			text := string(p.src[start:p.pos])
			p.pos++
			return text
		case c == '\\':
			return p.escapedText(start, what)
		case c < 0x20:
			p.control(what)
		default:
			p.pos++
		}
	}
	p.unended(what)
	return ""
}

// unended is the end of the input in a text.
func (p *jsonParser) unended(what string) {
	if message := "Unexpected end-of-input in " + what; p.document && what == "VALUE_STRING" {
		p.failAs(len(p.src), message, "json_parse_exception")
	} else {
		p.eof(message)
	}
}

func (p *jsonParser) control(what string) {
	where := "string value"
	if what == "field name" {
		where = "name"
	}
	p.fail(p.pos, fmt.Sprintf("Illegal unquoted character ((CTRL-CHAR, code %d)): has to be escaped using backslash to be included in %s",
		p.src[p.pos], where))
}

func (p *jsonParser) escapedText(start int, what string) string {
	var b strings.Builder
	b.Write(p.src[start:p.pos])
	for p.pos < len(p.src) {
		switch c := p.src[p.pos]; {
		case c == '"':
			p.pos++
			return b.String()
		case c < 0x20:
			p.control(what)
		case c != '\\':
			b.WriteByte(c)
			p.pos++
		default:
			p.pos++
			if p.pos >= len(p.src) {
				p.eof("Unexpected end-of-input in character escape sequence")
			}
			b.WriteRune(p.escape())
		}
	}
	p.unended(what)
	return ""
}

func (p *jsonParser) escape() rune {
	c := p.src[p.pos]
	p.pos++
	switch c {
	case '"', '\\', '/':
		return rune(c)
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'u':
		r := p.hex4()
		if r >= 0xD800 && r < 0xDC00 && p.pos+1 < len(p.src) && p.src[p.pos] == '\\' && p.src[p.pos+1] == 'u' {
			p.pos += 2
			if low := p.hex4(); low >= 0xDC00 && low < 0xE000 {
				return (r-0xD800)<<10 + (low - 0xDC00) + 0x10000
			}
			return utf8.RuneError
		}
		return r
	}
	p.fail(p.pos-1, fmt.Sprintf("Unrecognized character escape '%c' (code %d)", c, c))
	return 0
}

func (p *jsonParser) hex4() rune {
	var r rune
	for range 4 {
		if p.pos >= len(p.src) {
			p.eof("Unexpected end-of-input in character escape sequence")
		}
		c := p.src[p.pos]
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 + rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 + rune(c-'a') + 10
		case c >= 'A' && c <= 'F':
			r = r<<4 + rune(c-'A') + 10
		default:
			p.unexpected(p.pos, ": expected a hex-digit for character escape sequence")
		}
		p.pos++
	}
	return r
}

// Texts are the texts of a list; of anything else its own.
func Texts(v *Value) []string {
	if v.Kind != ArrayValue {
		return []string{v.Text}
	}
	var out []string
	for i := range v.Elements {
		out = append(out, v.Elements[i].Text)
	}
	return out
}
