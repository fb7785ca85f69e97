package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tried is a command of a document with the lines of its output that the document shows.
type tried struct {
	words []string
	lines []string
}

// example is a section of a document: its files, and what is done with them.
type example struct {
	files    map[string]string
	commands []tried
}

// exampleOf reads a section.
func exampleOf(t *testing.T, text, heading string) example {
	t.Helper()
	_, section, found := strings.Cut(text, "\n## "+heading+"\n")
	require.True(t, found, heading)
	section, _, _ = strings.Cut(section, "\n## ")
	out := example{files: map[string]string{}}
	for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(section, -1) {
		name := "machines"
		if first := regexp.MustCompile(`^name: (\w+)\n`).FindStringSubmatch(m[1]); first != nil {
			name = first[1]
		}
		out.files[name+".yaml"] = m[1]
	}
	for _, line := range strings.Split(section, "\n") {
		command, is := strings.CutPrefix(line, "    shardquake ")
		shown, indented := strings.CutPrefix(line, "    ")
		switch shown = strings.TrimSpace(shown); {
		case is:
			out.commands = append(out.commands, tried{words: wordsOf(command)})
		case indented && len(out.commands) > 0 && shown != "" && shown != "…":
			c := &out.commands[len(out.commands)-1]
			c.lines = append(c.lines, shown)
		}
	}
	return out
}

// wordsOf parts a command line as a shell does.
func wordsOf(line string) (out []string) {
	for _, w := range regexp.MustCompile(`(?:'[^']*'|[^\s'])+`).FindAllString(line, -1) {
		out = append(out, strings.ReplaceAll(w, "'", ""))
	}
	return out
}

// Every command of the worked examples of planning shows what the document says it shows.
func TestTheWorkedExamplesOfPlanningComeOutAsTheySay(t *testing.T) {
	text := documents(t)["docs/planning.md"]
	for _, heading := range []string{"A zone that can't be lost", "A fleet too large by a third", "A retention that fits until March"} {
		t.Run(heading, func(t *testing.T) {
			e := exampleOf(t, text, heading)
			require.NotEmpty(t, e.commands)
			t.Chdir(t.TempDir())
			for name, content := range e.files {
				require.NoError(t, os.WriteFile(filepath.Clean(name), []byte(content), 0o600))
			}
			for _, c := range e.commands {
				require.NotEmpty(t, c.lines, c.words)
				var out bytes.Buffer
				cmd := newRootCommand()
				cmd.SetArgs(append(c.words, "-q"))
				cmd.SetOut(&out)
				_ = cmd.ExecuteContext(t.Context()) // an objective that isn't met is an error
				got := regexp.MustCompile(` {2,}`).ReplaceAllString(out.String(), "  ")
				for _, line := range c.lines {
					assert.Contains(t, got, regexp.MustCompile(` {2,}`).ReplaceAllString(line, "  "), c.words)
				}
			}
		})
	}
}
