package explore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
)

// Replayed is what a file of the corpus came to.
type Replayed struct {
	File    string            `json:"file"`
	Name    string            `json:"name"`
	Verdict scenarios.Verdict `json:"verdict"`
	// Why is what does not hold, or could not be decided.
	Why string `json:"why,omitempty"`
}

// ReadCorpus reads the scenarios of a folder, in the order of their names. A folder that is
// not there is an empty one.
func ReadCorpus(dir string, voc scenarios.Vocabulary) ([]*scenarios.Loaded, error) {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("corpus: %s is not a folder", dir)
	}
	names, err := filepath.Glob(filepath.Join(escaped(dir), "*.yaml"))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var out []*scenarios.Loaded
	var errs []error
	for _, name := range names {
		l, err := scenarios.Load(name, nil, voc)
		errs = append(errs, err)
		out = append(out, l)
	}
	return out, errors.Join(errs...)
}

// escaped is a folder's name in a pattern.
func escaped(dir string) string {
	var b bytes.Buffer
	for _, c := range dir {
		if c == '*' || c == '?' || c == '[' {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// replay runs the files of the corpus. A claim that one of them still breaks is known, and
// not looked for again; their plans are what later ones are mutants of.
func (s *search) replay() {
	out := make([]*Replayed, len(s.cfg.Corpus))
	s.each(len(out), func(i int) {
		s.doing("replaying %s", s.cfg.Corpus[i].File)
		out[i] = s.again(s.cfg.Corpus[i])
	})
	for i, r := range out {
		if r == nil {
			continue // interrupted
		}
		s.result.Replayed = append(s.result.Replayed, *r)
		s.seedCorpus(s.cfg.Corpus[i])
		for _, c := range s.claims {
			c.known = c.known || r.Verdict == scenarios.Fail && (r.Name == c.name || strings.TrimSuffix(filepath.Base(r.File), ".yaml") == c.name)
		}
	}
}

// again runs one file of the corpus as it stands.
func (s *search) again(l *scenarios.Loaded) *Replayed {
	if s.ctx.Err() != nil {
		return nil
	}
	res, err := s.cfg.Play(s.ctx, l, l.Seed)
	if s.ctx.Err() != nil {
		return nil
	}
	s.mu.Lock()
	s.runs++
	s.mu.Unlock()
	r := &Replayed{File: l.File, Name: l.Name, Verdict: scenarios.Unknown}
	switch {
	case err != nil && strings.Contains(l.File, "-ends-with-an-error"):
		r.Verdict, r.Why = scenarios.Fail, err.Error()
	case err != nil:
		r.Why = err.Error()
	case res.Aborted != nil:
		r.Why = res.Aborted.Error()
	default:
		r.Verdict = res.Verdict
		for _, o := range res.Outcomes {
			if o.Verdict == res.Verdict && r.Verdict != scenarios.Pass {
				r.Why = o.Name + ": " + o.Reason
				break
			}
		}
	}
	return r
}

// DirFound is the folder, from that of explore.json, with the scenarios of what was found and
// their tests. In a folder testdata no pattern such as ./... of the module around it meets them.
const DirFound = "testdata/found"

// Write leaves explore.json and the scenarios of what was found in a folder, and the latter
// in that of the corpus, too, where there is one.
func Write(dir, corpus string, r *Result) error {
	found := filepath.Join(dir, filepath.FromSlash(DirFound))
	if err := os.RemoveAll(found); err != nil { // of an earlier search
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range r.Found {
		f.File = filepath.ToSlash(filepath.Join(DirFound, f.Name+".yaml"))
		if err := f.write(found, f.Name); err != nil {
			return err
		}
		if !r.ownParts {
			f.GoTest = filepath.ToSlash(filepath.Join(DirFound, goFile(f.Name)))
			if err := f.writeGoTest(found); err != nil {
				return err
			}
		}
		if corpus == "" || f.Interrupted {
			continue // what is not minimal is no example
		}
		name := number(f.Name, func(n string) bool {
			_, err := os.Stat(filepath.Join(corpus, n+".yaml"))
			return !errors.Is(err, fs.ErrNotExist)
		})
		if err := f.write(corpus, name); err != nil {
			return err
		}
	}
	html, err := r.HTML()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, FileHTML), html, 0o644); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, reports.FileExplore), append(text, '\n'), 0o644)
}

// write leaves the scenario of what was found in a folder.
func (f *Find) write(dir, name string) error {
	text, err := f.render(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+".yaml"), text, 0o644)
}
