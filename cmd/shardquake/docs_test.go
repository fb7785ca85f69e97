package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// repository is where the documents stand, as this package's tests see it.
const repository = "../.."

// documents are the texts for people, by their path in the repository.
func documents(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		names, err := filepath.Glob(filepath.Join(repository, pattern))
		require.NoError(t, err)
		for _, name := range names {
			data, err := os.ReadFile(name)
			require.NoError(t, err)
			path, err := filepath.Rel(repository, name)
			require.NoError(t, err)
			out[filepath.ToSlash(path)] = string(data)
		}
	}
	require.Contains(t, out, "README.md")
	return out
}

var (
	codeSpan  = regexp.MustCompile("`([^`\n]+)`")
	codeBlock = regexp.MustCompile(`(?m)^(?: {4}|\t)(.+)$`)
)

// quoted is what a document has between backquotes or indented, in pieces.
func quoted(text string) []string {
	var out []string
	for _, re := range []*regexp.Regexp{codeSpan, codeBlock} {
		for _, m := range re.FindAllStringSubmatch(text, -1) {
			out = append(out, m[1])
		}
	}
	return out
}

// exists reports whether the repository has a path; * stands for any part of a name.
func exists(path string) bool {
	there, err := filepath.Glob(filepath.Join(repository, filepath.FromSlash(path)))
	return err == nil && len(there) > 0
}

func TestEveryCommandInTheDocumentsExists(t *testing.T) {
	calls := regexp.MustCompile(`(?:^|\s)(?:shardquake|go run \./cmd/shardquake|bin/shardquake) ([a-z].*)`)
	found := 0
	for name, text := range documents(t) {
		for _, piece := range quoted(text) {
			m := calls.FindStringSubmatch(piece)
			if m == nil {
				continue
			}
			found++
			for _, wrong := range unknownWords(m[1]) {
				t.Errorf("%s: %q: %s", name, piece, wrong)
			}
		}
	}
	assert.Greater(t, found, 50, "the documents show how to call the command")
}

// unknownWords says which command or flags of a call there aren't. A call ends with a comment
// or another command of the shell.
func unknownWords(call string) (wrong []string) {
	words := strings.Fields(regexp.MustCompile(`'[^']*'|"[^"]*"`).ReplaceAllString(call, "QUOTED"))
	if end := slices.IndexFunc(words, func(w string) bool { return strings.ContainsAny(w[:1], "#&|>;") }); end >= 0 {
		words = words[:end]
	}
	for i := range words {
		words[i] = strings.TrimRight(words[i], ",.:;")
	}
	cmd, rest, err := newRootCommand().Find(words)
	if err != nil || !cmd.HasParent() {
		return []string{"there is no command " + words[0]}
	}
	if cmd.HasSubCommands() && !takesFile(cmd, rest) && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		return []string{cmd.CommandPath() + " has no command " + rest[0]}
	}
	for _, w := range words {
		flag, is := strings.CutPrefix(w, "--")
		flag, _, _ = strings.Cut(flag, "=")
		if is && flag != "" && lookUp(cmd, flag) == nil {
			wrong = append(wrong, cmd.CommandPath()+" has no flag --"+flag)
		}
	}
	return wrong
}

func lookUp(cmd *cobra.Command, flag string) *pflag.Flag {
	cmd.InitDefaultHelpFlag()
	if f := cmd.Flags().Lookup(flag); f != nil {
		return f
	}
	return cmd.InheritedFlags().Lookup(flag)
}

func TestTheReadmeNamesEveryCommand(t *testing.T) {
	readme := documents(t)["README.md"]
	for _, cmd := range newRootCommand().Commands() {
		if !cmd.IsAvailableCommand() || cmd.Name() == "help" || cmd.Name() == "completion" {
			continue
		}
		row := regexp.MustCompile(`(?m)^\|.*` + "`(?:shardquake )?" + regexp.QuoteMeta(cmd.Name()) + "[ `]")
		assert.Regexp(t, row, readme, "the README's table has a row for %s", cmd.Name())
	}
}

func TestEveryTargetOfMakeInTheDocumentsExists(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(repository, "Makefile"))
	require.NoError(t, err)
	calls := regexp.MustCompile(`(?:^|\s)make ([a-z][a-z-]*)`)
	for name, text := range documents(t) {
		for _, piece := range quoted(text) {
			for _, m := range calls.FindAllStringSubmatch(piece, -1) {
				assert.Regexp(t, regexp.MustCompile(`(?m)^`+m[1]+`:`), string(makefile), "%s: %q", name, piece)
			}
		}
	}
}

func TestEveryLinkInTheDocumentsLeadsSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	all := documents(t)
	for name, text := range all {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			to, anchor, _ := strings.Cut(m[1], "#")
			path := name
			if to != "" {
				path = filepath.ToSlash(filepath.Join(filepath.Dir(name), to))
			}
			if assert.True(t, exists(path), "%s links to %s", name, m[1]) && anchor != "" {
				assert.Contains(t, anchors(all[path]), anchor, "%s links to %s", name, m[1])
			}
		}
	}
}

// anchors are the names that a document's headings can be linked by.
func anchors(text string) (out []string) {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		kept := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		out = append(out, strings.ReplaceAll(kept, " ", "-"))
	}
	return out
}

// rooms are the folders that paths begin with.
const rooms = `(?:cmd|sim|kvcluster|controller|chaos|scenarios|reports|integration|internal|docs|\.ci)/`

// examples are files that CONTRIBUTING.md adds to show how.
var examples = map[string]bool{
	"chaos/flush.go": true, "scenarios/expectations/yellow.go": true, "controller/policy/gap.go": true,
	"sim/elastic/allocation/quarantine.go": true, "sim/elastic/restapi/cat/catmaster.go": true,
}

func TestEveryPathInTheDocumentsExists(t *testing.T) {
	path := regexp.MustCompile(`(?:^|[\s'"(])(?:\./)?(` + rooms + `[A-Za-z0-9_./*-]*)`)
	found := 0
	for name, text := range documents(t) {
		if name == "docs/ci.md" {
			continue // whose paths are in the reader's repository
		}
		for _, piece := range quoted(text) {
			for _, m := range path.FindAllStringSubmatch(piece, -1) {
				if examples[m[1]] {
					continue
				}
				found++
				p := strings.TrimSuffix(strings.TrimRight(strings.TrimSuffix(m[1], "/..."), "."), "/")
				assert.True(t, exists(p), "%s: %q: there is no %s", name, piece, p)
			}
		}
	}
	assert.Greater(t, found, 20, "the documents say where things are")
}

func TestTheArchitectureDocumentShowsEveryRoom(t *testing.T) {
	text := documents(t)["docs/architecture.md"]
	found := 0
	for _, room := range []string{"cmd", "sim", "sim/elastic", "kvcluster", "controller", "chaos", "scenarios", "reports", "integration", "internal"} {
		dirs, err := os.ReadDir(filepath.Join(repository, room))
		require.NoError(t, err)
		for _, d := range dirs {
			if !d.IsDir() || !exists(room+"/"+d.Name()+"/*.go") {
				continue
			}
			found++
			assert.Regexp(t, `\b`+d.Name()+`\b`, text, "docs/architecture.md says what %s/%s is for", room, d.Name())
		}
	}
	assert.Greater(t, found, 40)
}

// TestEveryFileThatACommentOfAPackageNamesExists looks at doc.go, where a package's parts are
// told, and finds the files that were renamed or split since.
func TestEveryFileThatACommentOfAPackageNamesExists(t *testing.T) {
	named := regexp.MustCompile(`\b[A-Za-z0-9_*][A-Za-z0-9_/*.-]*\.(?:go|sh|json|ya?ml)\b`)
	found := 0
	err := filepath.WalkDir(repository, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "testdata" || d.Name() == ".git") {
			return passBy(err, d)
		}
		if d.Name() != "doc.go" {
			return nil
		}
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, file := range named.FindAllString(string(data), -1) {
			if generated[file] {
				continue
			}
			found++
			here, err := filepath.Glob(filepath.Join(filepath.Dir(path), file))
			require.NoError(t, err)
			assert.True(t, len(here) > 0 || exists(file), "%s names %s, which isn't there", path, file)
		}
		return nil
	})
	require.NoError(t, err)
	assert.Greater(t, found, 5, "packages say what is in their files")
}

// generated are files that a package's comment names and that a run makes, or that are no
// files at all.
var generated = map[string]bool{"openapi.json": true, "NAME.cluster.json": true, "cluster.json": true, "report.json": true}

// passBy goes past a folder without looking into it.
func passBy(err error, d fs.DirEntry) error {
	if err == nil && d.IsDir() {
		return fs.SkipDir
	}
	return err
}

// takesFile reports whether a command that has others below it takes a file itself, and what
// follows it looks like one.
func takesFile(cmd *cobra.Command, rest []string) bool {
	return strings.HasSuffix(cmd.Use, " FILE") && len(rest) > 0 && (rest[0] == "FILE" || strings.HasSuffix(rest[0], ".yaml"))
}
