package tuning

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Window is a time of day, in UTC, every day. It may pass midnight.
type Window struct {
	From, To time.Duration // since midnight
}

const day = 24 * time.Hour

// ParseWindow reads "22:00-06:00".
func ParseWindow(text string) (Window, error) {
	from, to, ok := strings.Cut(text, "-")
	w := Window{}
	var err1, err2 error
	w.From, err1 = parseClock(strings.TrimSpace(from))
	w.To, err2 = parseClock(strings.TrimSpace(to))
	switch {
	case !ok || err1 != nil || err2 != nil:
		return Window{}, fmt.Errorf("%q is not a daily window: expected two times in UTC such as 22:00-06:00", text)
	case w.From == w.To:
		return Window{}, fmt.Errorf("%q is empty: it begins when it ends", text)
	}
	return w, nil
}

// parseClock reads "06:30" and "24:00".
func parseClock(text string) (time.Duration, error) {
	if text == "24:00" {
		return day, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, err
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

// InAny reports for moments whether they lie in one of the windows; nil without windows.
func InAny(windows []Window) func(time.Time) bool {
	if len(windows) == 0 {
		return nil
	}
	return func(at time.Time) bool {
		return slices.ContainsFunc(windows, func(w Window) bool { return w.Holds(at) })
	}
}

// ParseWindows reads several.
func ParseWindows(texts []string) ([]Window, error) {
	var out []Window
	for _, text := range texts {
		w, err := ParseWindow(text)
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

// Holds reports whether a moment lies in the window.
func (w Window) Holds(at time.Time) bool {
	at = at.UTC()
	since := time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute + time.Duration(at.Second())*time.Second
	if w.From < w.To {
		return w.From <= since && since < w.To
	}
	return since >= w.From || since < w.To
}
