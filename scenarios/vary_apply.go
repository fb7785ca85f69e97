package scenarios

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/internal/source"
)

func millis(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// unvaried are parts of a file that are the same for every seed: what names the runs, and
// what draws.
var unvaried = [...]string{"seed", "vary", "name", "about", "format", "system"}

// Drawn is the scenario with the values that a seed draws in the places that vary. One
// whose values are drawn already, or in which nothing varies, stays as it is.
func (l *Loaded) Drawn(seed uint64) (*Loaded, error) {
	if len(l.Vary) == 0 || l.Draws != nil {
		return l, nil
	}
	out, err := l.With(l.Vary.draws(seed))
	if err != nil {
		return nil, fmt.Errorf("seed %d: %w", seed, err)
	}
	return out, nil
}

// With is the scenario with these values in the places that vary. The text stays the
// file's own.
func (l *Loaded) With(draws []Draw) (*Loaded, error) {
	if len(draws) == 0 {
		return l, nil
	}
	s, err := l.tried(draws)
	if err != nil {
		file, parseErr := source.Parse(l.File, l.Text)
		if parseErr != nil {
			return nil, parseErr
		}
		var told []string
		for _, d := range draws {
			told = append(told, d.String())
		}
		return nil, fmt.Errorf("%w: %w", ErrScenario, file.Annotate([]source.Problem{source.Problemf("$.vary", "with %s: %s", strings.Join(told, ", "), message(err))}))
	}
	s.Seed = l.Seed
	if l.amend != nil {
		l.amend(s)
	}
	for i := range s.Expect { // whatever the text with the values looks like
		s.Expect[i].Line = l.Expect[i].Line
	}
	out := *l
	out.Scenario, out.Draws = s, draws
	return &out, nil
}

// tried reads the scenario with values put in their places.
func (l *Loaded) tried(draws []Draw) (*Scenario, error) {
	var set []string
	for _, d := range draws {
		set = append(set, d.String())
	}
	text, err := override(l.File, l.Text, set)
	if err != nil {
		return nil, err
	}
	out, err := parse(l.File, text, l.vocabulary)
	if err != nil {
		return nil, err
	}
	return out.Scenario, nil
}

// checkVary tries the ends of each range and each listed value by itself, then all low ends
// together and all high ones, and tells at the entry what is refused.
func (l *Loaded) checkVary() error {
	file, err := source.Parse(l.File, l.Text)
	if err != nil {
		return err
	}
	var errs []error
	var low, high []Draw
	for _, c := range l.Vary {
		ends := c.ends()
		low = append(low, Draw{c.Path, ends[0]})
		high = append(high, Draw{c.Path, ends[len(ends)-1]})
		if err := l.checkChoice(file, c); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 || len(l.Vary) < 2 {
		return errors.Join(errs...)
	}
	for _, all := range [...][]Draw{low, high} {
		if _, err := l.With(all); err != nil {
			return err
		}
	}
	return nil
}

// checkChoice tries the ends of one entry.
func (l *Loaded) checkChoice(file *source.File, c Choice) error {
	at := func(format string, args ...any) error {
		return file.AtValue("vary", c.Path, fmt.Sprintf(format, args...))
	}
	parts, err := splitPath(c.Path)
	if err != nil {
		return at("%v", err)
	}
	top, _, _ := strings.Cut(parts[0], "[")
	if slices.Contains(unvaried[:], top) {
		return at("%s: %s is the same for every seed and can't vary", c.Path, top)
	}
	for _, value := range c.ends() {
		if _, err := l.tried([]Draw{{c.Path, value}}); err != nil {
			return at("%s can't be %s: %s", c.Path, value, message(err))
		}
	}
	return nil
}

// message is what is wrong, without the place in a text that nobody has seen.
func message(err error) string {
	var placed *source.Error
	if errors.As(err, &placed) {
		return placed.Message
	}
	return err.Error()
}

// pinned refuses to set by hand what the file has every seed draw: one of both would be
// ignored.
func pinned(v Varied, set []string) error {
	for _, assignment := range set {
		path, value, _ := strings.Cut(assignment, "=")
		if slices.ContainsFunc(v, func(c Choice) bool { return c.Path == path }) {
			return fmt.Errorf("--set %q: the file varies %s; for one value say --set 'vary.\"%s\"=[%s]'", assignment, path, path, value)
		}
	}
	return nil
}
