package settings

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// catalogue lists every setting that an Elasticsearch 8.19.0 node registers: what
// it answers about itself (scope, key, kind, properties, type of value, default,
// setting that the default follows, bounds, names of an enumeration, message for a
// value that is none), one a line, tab-separated, ordered by scope and key.
//
//go:embed catalogue.tsv
var catalogue string

// Kind is how a registered setting's key is matched.
type Kind string

// The kinds.
const (
	// Plain is one key.
	Plain Kind = "plain"
	// List is one key whose value is a list; "key.0" addresses an element.
	List Kind = "list"
	// Group is a prefix under which any name may stand.
	Group Kind = "group"
	// Prefix is a prefix followed by one name, such as a node attribute.
	Prefix Kind = "prefix"
	// Affix is a key with a name in the middle: "transport.profiles.*.port".
	Affix Kind = "affix"
	// AffixList is an affix whose value is a list.
	AffixList Kind = "affixlist"
	// AffixGroup is an affix whose end is a group.
	AffixGroup Kind = "affixgroup"
	// Secure settings live in the keystore.
	Secure Kind = "secure"
)

// Entry is a registered setting.
type Entry struct {
	Key        string
	Kind       Kind
	properties []string
	// Type is bool, int, long, float, double, time, bytes, relative, enum or string.
	Type string
	// Default is the default's text; of a list its JSON.
	Default string
	// Fallback is the setting whose value is the default when it is set; "" none.
	Fallback string
	min, max string
	names    []string
	bad      string // message for a value outside of names; %s the value, %S in capitals
}

// Dynamic reports whether the setting may change at run time.
func (e *Entry) Dynamic() bool { return e.has("Dynamic") || e.has("OperatorDynamic") }

// Final reports whether an index's setting can never change.
func (e *Entry) Final() bool { return e.has("Final") }

// Private reports whether only Elasticsearch itself sets the index setting.
func (e *Entry) Private() bool { return e.has("PrivateIndex") }

// Internal reports whether the index setting is managed by an API of its own.
func (e *Entry) Internal() bool { return e.has("InternalIndex") }

// Filtered reports whether the setting is hidden from answers.
func (e *Entry) Filtered() bool { return e.has("Filtered") }

// Module reports whether only nodes of the default distribution have the setting.
func (e *Entry) Module() bool { return e.has("Module") }

func (e *Entry) has(property string) bool { return slices.Contains(e.properties, property) }

// Complex reports whether the entry matches more than one key.
func (e *Entry) Complex() bool { return e.Kind != Plain && e.Kind != List && e.Kind != Secure }

// matches reports whether a complex entry covers the key.
func (e *Entry) matches(key string) bool {
	switch e.Kind {
	case List:
		element, ok := strings.CutPrefix(key, e.Key+".")
		_, err := strconv.ParseUint(element, 10, 31)
		return ok && err == nil
	case Group, Prefix:
		return len(key) > len(e.Key) && strings.HasPrefix(key, e.Key)
	case Affix, AffixList, AffixGroup:
		prefix, suffix, _ := strings.Cut(e.Key, "*")
		rest, ok := strings.CutPrefix(key, prefix)
		if !ok {
			return false
		}
		if e.Kind == AffixGroup {
			_, inner, found := strings.Cut(rest, ".")
			return found && inner != "" && strings.HasPrefix("."+inner, suffix)
		}
		name, ok := strings.CutSuffix(rest, suffix)
		return ok && name != "" && !strings.Contains(name, ".")
	default:
		return false
	}
}

// Registry is the settings of one scope.
type Registry struct {
	entries []Entry
	plain   map[string]int
	complex []int
}

var (
	clusterRegistry = load("c")
	indexRegistry   = load("i")
)

// ClusterRegistry is the settings that may stand in elasticsearch.yml and, when
// dynamic, in the cluster's settings.
func ClusterRegistry() *Registry { return clusterRegistry }

// IndexRegistry is the settings of an index.
func IndexRegistry() *Registry { return indexRegistry }

func load(scope string) *Registry {
	r := &Registry{plain: map[string]int{}}
	for line := range strings.SplitSeq(strings.TrimSuffix(catalogue, "\n"), "\n") {
		f := strings.Split(line, "\t")
		if len(f) != 11 {
			panic("settings catalogue: bad line " + line)
		}
		if f[0] != scope {
			continue
		}
		bad, err := strconv.Unquote(`"` + f[10] + `"`)
		if err != nil {
			panic("settings catalogue: " + err.Error() + ": " + line)
		}
		e := Entry{
			Key: f[1], Kind: Kind(f[2]), properties: strings.Split(f[3], ","), Type: f[4],
			Default: f[5], Fallback: f[6], min: f[7], max: f[8], bad: bad,
		}
		if f[9] != "" {
			e.names = strings.Split(f[9], ",")
		}
		if e.Complex() || e.Kind == List {
			r.complex = append(r.complex, len(r.entries))
		}
		if !e.Complex() {
			r.plain[e.Key] = len(r.entries)
		}
		r.entries = append(r.entries, e)
	}
	return r
}

// Entries lists the registered settings by key.
func (r *Registry) Entries() []Entry { return r.entries }

// Lookup finds the entry that covers a key, or nil.
func (r *Registry) Lookup(key string) *Entry {
	if i, ok := r.plain[key]; ok {
		return &r.entries[i]
	}
	for _, i := range r.complex {
		if r.entries[i].matches(key) {
			return &r.entries[i]
		}
	}
	return nil
}

// Unknown is the message for a key that is no setting, with the registered keys
// that resemble it.
func (r *Registry) Unknown(key string) string {
	type scored struct {
		similarity float32
		key        string
	}
	var near []scored
	for i := range r.entries {
		if e := &r.entries[i]; !e.Complex() {
			if s := Similarity(key, e.Key); s > 0.7 {
				near = append(near, scored{s, e.Key})
			}
		}
	}
	slices.SortStableFunc(near, func(a, b scored) int {
		switch {
		case a.similarity > b.similarity:
			return -1
		case a.similarity < b.similarity:
			return 1
		}
		return strings.Compare(a.key, b.key)
	})
	names := make([]string, len(near))
	for i, n := range near {
		names[i] = n.key
	}
	switch len(names) {
	case 0:
		return "unknown setting [" + key + "] please check that any required plugins are installed, " +
			"or check the breaking changes documentation for removed settings"
	case 1:
		return "unknown setting [" + key + "] did you mean [" + names[0] + "]?"
	}
	return "unknown setting [" + key + "] did you mean any of [" + strings.Join(names, ", ") + "]?"
}

// BadValue is a value that a setting does not take.
type BadValue struct {
	Message string
	// CauseType and Cause are the exception behind it, as the REST API names it; "" none.
	CauseType, Cause string
}

// Error implements error.
func (b *BadValue) Error() string { return b.Message }

// Check returns a [*BadValue] when the setting under this key does not take the text.
func (e *Entry) Check(key, text string) error {
	err := e.check(key, text)
	if err == nil {
		return nil
	}
	bad := &BadValue{Message: err.Error()}
	if strings.HasPrefix(bad.Message, "Failed to parse value") && !strings.Contains(bad.Message, " must be ") {
		switch e.Type {
		case "int", "long", "float", "double":
			bad.CauseType, bad.Cause = "number_format_exception", `For input string: "`+text+`"`
		}
	}
	if e.Type == "bytes" && strings.HasPrefix(bad.Message, "failed to parse setting") {
		bad.CauseType, bad.Cause = "parse_exception", bad.Message
	}
	return bad
}

func (e *Entry) check(key, text string) error {
	if key == IndexTierPreference.Key() {
		return IndexTierPreference.Check(text)
	}
	switch e.Type {
	case "bool":
		_, err := ParseBool(key, text)
		return err
	case "int":
		return e.checkLong(key, text, -1<<31, 1<<31-1)
	case "long":
		return e.checkLong(key, text, -1<<63, 1<<63-1)
	case "float", "double":
		return e.checkFloat(key, text)
	case "time":
		return e.checkTime(key, text)
	case "bytes":
		return e.checkBytes(key, text)
	case "relative":
		_, err := ParseRelative(key, text)
		return err
	case "enum":
		return e.checkEnum(text)
	}
	return nil
}

func (e *Entry) checkLong(key, text string, lo, hi int64) error {
	if n, err := strconv.ParseInt(e.min, 10, 64); err == nil {
		lo = n
	}
	if n, err := strconv.ParseInt(e.max, 10, 64); err == nil {
		hi = n
	}
	_, err := ParseLong(lo, hi)(key, text)
	return err
}

func (e *Entry) checkFloat(key, text string) error {
	v, err := parseJavaFloat(text, 64)
	if err != nil {
		return badNumber(key, text)
	}
	if lo, err := strconv.ParseFloat(e.min, 64); err == nil && v < lo {
		return fmt.Errorf("Failed to parse value [%s] for setting [%s] must be >= %s", text, key, e.min) //nolint:staticcheck // Elasticsearch's text
	}
	if hi, err := strconv.ParseFloat(e.max, 64); err == nil && v > hi {
		return fmt.Errorf("Failed to parse value [%s] for setting [%s] must be <= %s", text, key, e.max) //nolint:staticcheck // Elasticsearch's text
	}
	return nil
}

func (e *Entry) checkTime(key, text string) error {
	v, err := ParseTime(key, text)
	if err != nil {
		return err
	}
	if lo, err := ParseTime(key, e.min); e.min != "" && err == nil && v < lo {
		return fmt.Errorf("failed to parse value [%s] for setting [%s], must be >= [%s]", text, key, e.min)
	}
	if hi, err := ParseTime(key, e.max); e.max != "" && err == nil && v > hi {
		return fmt.Errorf("failed to parse value [%s] for setting [%s], must be <= [%s]", text, key, e.max)
	}
	return nil
}

func (e *Entry) checkBytes(key, text string) error {
	if strings.HasSuffix(e.Default, "%") && strings.HasSuffix(text, "%") {
		// A part of the heap.
		_, err := ParseRatio(key, text)
		return err
	}
	v, err := ParseBytes(key, text)
	if err != nil {
		return err
	}
	if lo, err := ParseBytes(key, e.min); e.min != "" && err == nil && v < lo {
		return fmt.Errorf("failed to parse value [%s] for setting [%s], must be >= [%s]", text, key, e.min)
	}
	if hi, err := ParseBytes(key, e.max); e.max != "" && err == nil && v > hi {
		return fmt.Errorf("failed to parse value [%s] for setting [%s], must be <= [%s]", text, key, e.max)
	}
	return nil
}

func (e *Entry) checkEnum(text string) error {
	for _, n := range e.names {
		if strings.EqualFold(n, text) {
			return nil
		}
	}
	message := strings.ReplaceAll(e.bad, "%S", strings.ToUpper(text))
	return fmt.Errorf("%s", strings.ReplaceAll(message, "%s", text))
}

// DefaultText is the setting's default when the others are set so.
func (r *Registry) DefaultText(e *Entry, set Settings) string {
	for e.Fallback != "" {
		if text, ok := set.Get(e.Fallback); ok {
			return text
		}
		next := r.Lookup(e.Fallback)
		if next == nil {
			break
		}
		e = next
	}
	return e.Default
}
