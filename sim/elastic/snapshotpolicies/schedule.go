package snapshotpolicies

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/settings"
)

// Schedule is when a policy acts: at times that match a cron expression, or every so often.
type Schedule struct {
	every time.Duration // 0: by the fields
	// Which values of each field match.
	seconds, minutes, hours, days, months, weekdays, years []bool
	anyDay, anyWeekday                                     bool // "?" or "*"
	lastDay                                                bool // "L"
	lastWeekday                                            int  // "6L": the last Friday; -1: none
}

var (
	monthNames   = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	weekdayNames = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
)

const firstYear, lastYear = 1970, 2199

// ParseSchedule reads "30m" or "0 30 1 * * ?": second, minute, hour, day of the month, month, day
// of the week from Sunday, 1, and where it is given the year (Cron).
func ParseSchedule(text string) (*Schedule, error) {
	fields := strings.Fields(strings.ToUpper(text))
	if len(fields) == 1 {
		every, err := settings.ParseTime("schedule", strings.TrimSpace(text))
		if err != nil || every <= 0 {
			return nil, fmt.Errorf("invalid schedule [%s]: must be a valid cron expression or time unit", text)
		}
		return &Schedule{every: every}, nil
	}
	if len(fields) < 6 || len(fields) > 7 {
		return nil, fmt.Errorf("invalid schedule [%s]: must be a valid cron expression or time unit", text)
	}
	s := &Schedule{lastWeekday: -1, anyDay: free(fields[3]), anyWeekday: free(fields[5])}
	if fields[3] == "?" && fields[5] == "?" {
		return nil, fmt.Errorf("invalid schedule [%s]: '?' can only be specified for day-of-month or day-of-week, not for both", text)
	}
	if fields[3] == "L" {
		s.lastDay, fields[3] = true, "?"
	}
	if day, last := strings.CutSuffix(fields[5], "L"); last && day != "" {
		n, err := number(day, 1, 7, weekdayNames, 1)
		if err != nil {
			return nil, fmt.Errorf("invalid schedule [%s]: %w", text, err)
		}
		s.lastWeekday, fields[5] = n-1, "?"
	}
	years := "*"
	if len(fields) == 7 {
		years = fields[6]
	}
	for _, f := range []struct {
		into        *[]bool
		text        string
		first, last int
		names       []string
	}{
		{&s.seconds, fields[0], 0, 59, nil},
		{&s.minutes, fields[1], 0, 59, nil},
		{&s.hours, fields[2], 0, 23, nil},
		{&s.days, fields[3], 1, 31, nil},
		{&s.months, fields[4], 1, 12, monthNames},
		{&s.weekdays, fields[5], 1, 7, weekdayNames},
		{&s.years, years, firstYear, lastYear, nil},
	} {
		var err error
		if *f.into, err = values(f.text, f.first, f.last, f.names); err != nil {
			return nil, fmt.Errorf("invalid schedule [%s]: %w", text, err)
		}
	}
	return s, nil
}

func free(field string) bool { return field == "?" || field == "*" }

// values are which values a field's text names: "*", "1,15", "MON-FRI", "0/5".
func values(text string, first, last int, names []string) ([]bool, error) {
	out := make([]bool, last-first+1)
	for part := range strings.SplitSeq(text, ",") {
		span, stride, stepped := strings.Cut(part, "/")
		by := 1
		if stepped {
			n, err := strconv.Atoi(stride)
			if err != nil || n < 1 {
				return nil, fmt.Errorf("illegal cron format, an increment above 0 is expected, found [%s]", part)
			}
			by = n
		}
		from, to, ranged := strings.Cut(span, "-")
		low, high := first, last
		if !free(span) && (span != "" || !stepped) {
			var err error
			if low, err = number(from, first, last, names, first); err != nil {
				return nil, err
			}
			switch {
			case ranged:
				if high, err = number(to, first, last, names, first); err != nil {
					return nil, err
				}
			case !stepped:
				high = low
			}
		}
		if high < low { // "FRI-MON" goes round
			high += last - first + 1
		}
		for v := low; v <= high; v += by {
			out[(v-first)%len(out)] = true
		}
	}
	return out, nil
}

// number reads a value of a field, or a name that counts from base.
func number(text string, first, last int, names []string, base int) (int, error) {
	if at := slices.Index(names, text); at >= 0 {
		return at + base, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < first || n > last {
		return 0, fmt.Errorf("illegal cron format, a value from %d to %d is expected, found [%s]", first, last, text)
	}
	return n, nil
}

// Next is the first moment after another, in UTC, at which a policy acts that has its schedule
// since a third; the zero time: never again.
func (s *Schedule) Next(after, since time.Time) time.Time {
	if s.every > 0 {
		past := max(0, after.Sub(since))
		return since.Add(past - past%s.every + s.every)
	}
	t := after.UTC().Truncate(time.Second).Add(time.Second)
	for t.Year() <= lastYear {
		switch {
		case !s.years[t.Year()-firstYear]:
			t = time.Date(t.Year()+1, 1, 1, 0, 0, 0, 0, time.UTC)
		case !s.months[t.Month()-1]:
			t = time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC)
		case !s.onDay(t):
			t = time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, time.UTC)
		case !s.hours[t.Hour()]:
			t = t.Truncate(time.Hour).Add(time.Hour)
		case !s.minutes[t.Minute()]:
			t = t.Truncate(time.Minute).Add(time.Minute)
		case !s.seconds[t.Second()]:
			t = t.Add(time.Second)
		default:
			return t
		}
	}
	return time.Time{}
}

// onDay reports whether the day of a moment matches. Where the days of the month and of the
// week are both named, both must.
func (s *Schedule) onDay(t time.Time) bool {
	tomorrow := t.AddDate(0, 0, 1)
	switch {
	case s.lastDay && tomorrow.Month() == t.Month():
		return false
	case s.lastWeekday >= 0 && (int(t.Weekday()) != s.lastWeekday || t.AddDate(0, 0, 7).Month() == t.Month()):
		return false
	case !s.anyDay && !s.lastDay && !s.days[t.Day()-1]:
		return false
	}
	return s.anyWeekday || s.lastWeekday >= 0 || s.weekdays[t.Weekday()]
}
