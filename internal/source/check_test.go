package source_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

type sheet struct {
	Name  string              `yaml:"name"`
	Count int                 `yaml:"count"`
	Seed  uint64              `yaml:"seed"`
	On    bool                `yaml:"on"`
	Wait  units.Duration      `yaml:"wait"`
	Zones map[string][]string `yaml:"zones"`
	Parts []part              `yaml:"parts"`
}

type part struct {
	Size units.Size `yaml:"size"`
	Some *int       `yaml:"some"`
}

func read(t *testing.T, text string) (sheet, error) {
	t.Helper()
	f, err := source.Parse("s.yaml", []byte(text))
	require.NoError(t, err)
	var s sheet
	return s, f.Decode(&s)
}

// Each line is wrong at the column given, and all are told at once.
func TestEverythingThatCantBeReadIsToldAtItsPlace(t *testing.T) {
	wrong := []struct{ line, place, says string }{
		{"name: [a]", "1:7", "expected text, not a list"},
		{"count: 3.5", "2:8", `"3.5" is not a whole number`},
		{"seed: 18446744073709551616", "3:7", "18446744073709551616 is more than a number here can be"},
		{"on: maybe", "4:5", `expected true or false, not "maybe"`},
		{"wait: 90", "5:7", `"90" is not a duration`},
		{"zones: {a: b, c: [d]}", "6:12", `expected a list, not "b"`},
		{"parts: [{size: 3, sum: 1}, 7, {some: -x}]", "7:16", `"3" is not a size`},
	}
	var text []string
	for _, w := range wrong {
		text = append(text, w.line)
	}
	_, err := read(t, strings.Join(text, "\n"))
	require.Error(t, err)
	for _, w := range wrong {
		assert.ErrorContains(t, err, "s.yaml:"+w.place+": "+w.says)
	}
	assert.ErrorContains(t, err, `s.yaml:7:19: unknown key "sum"; did you mean "some"? (expected one of: size, some)`)
	assert.ErrorContains(t, err, `s.yaml:7:28: expected a mapping, not a number`)
	assert.ErrorContains(t, err, `s.yaml:7:38: "-x" is not a whole number`)
}

func TestNumbersBeyondTheirTypeAreRefused(t *testing.T) {
	for text, says := range map[string]string{
		"seed: -1":                    "-1 is negative; expected a number from 0 on",
		"count: 30000000000000000000": "is more than a number here can be",
		"count: '3'":                  `"3" is not a whole number`,
		"count: three":                `"three" is not a whole number`,
		"count: {a: 1}":               "is not a whole number",
	} {
		_, err := read(t, text)
		assert.ErrorContains(t, err, says, text)
	}
}

func TestWhatIsRightIsRead(t *testing.T) {
	f, err := source.Parse("s.yaml", []byte("\ufeffname: 7\ncount: -0x10\nseed: 18446744073709551615\non: true\nwait: 90s\nzones: {a: [b, 1]}\nparts:\n  - size: 3kb\n  - {}\n  - some:\n"))
	require.NoError(t, err)
	var s sheet
	require.NoError(t, f.Decode(&s), "a byte order mark is no part of the first key")
	assert.Equal(t, "7", s.Name)
	assert.Equal(t, -16, s.Count)
	assert.Equal(t, uint64(1<<64-1), s.Seed)
	assert.True(t, s.On)
	assert.Equal(t, "1m30s", s.Wait.String())
	assert.Equal(t, map[string][]string{"a": {"b", "1"}}, s.Zones)
	assert.Equal(t, []part{{Size: 3072}, {}, {}}, s.Parts)
}

func TestAnExcerptOfWhatIsNoTextIsShortAndHarmless(t *testing.T) {
	f, err := source.Parse("s.yaml", []byte("name: "+strings.Repeat("x", 1000)+"\x1b[31m: 1"))
	if err == nil {
		var s sheet
		err = f.Decode(&s)
	}
	require.Error(t, err)
	assert.Less(t, len(err.Error()), 1500)
	assert.NotContains(t, err.Error(), "\x1b")
}

func TestNoNameIsNearToNone(t *testing.T) {
	assert.Equal(t, "no system is named (expected one of: elasticsearch, kv)", source.Unknown("system", "", []string{"kv", "elasticsearch"}))
}

func TestOfSeveralProblemsAtOnePlaceTheFirstIsTold(t *testing.T) {
	f, err := source.Parse("s.yaml", []byte("count: 0\nname: x"))
	require.NoError(t, err)
	err = f.Annotate([]source.Problem{{Path: "$.count", Message: "first"}, {Path: "$.count", Message: "second"}, {Path: "$.name", Message: "third"}})
	assert.ErrorContains(t, err, "s.yaml:1:8: first")
	assert.ErrorContains(t, err, "s.yaml:2:7: third")
	assert.NotContains(t, err.Error(), "second")
}
