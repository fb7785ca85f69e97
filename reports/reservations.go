package reports

import "fmt"

// Reservations are what has to be known before the figures of two runs are compared: that
// they differ in more than what is asked about. They are nil for runs of one kind.
func Reservations(baseline, now *Report) []string {
	var out []string
	differ := func(what, was, is string) {
		if was != is {
			out = append(out, fmt.Sprintf("%s: %s, was %s", what, is, was))
		}
	}
	differ("backend", baseline.Backend, now.Backend)
	differ("scale", string(baseline.Scale), string(now.Scale))
	if baseline.Backend == now.Backend && baseline.Backend == "sim" {
		differ("seed", fmt.Sprint(baseline.Seed), fmt.Sprint(now.Seed))
	}
	if ended(baseline) != ended(now) {
		out = append(out, fmt.Sprintf("duration: %s, was %s", ended(now), ended(baseline)))
	}
	if text := now.Version.Differs(baseline.Version); text != "" {
		out = append(out, "version of Shardquake: "+text)
	}
	return out
}

// ended is how long faults and load lasted. A real run ends some milliseconds late.
func ended(r *Report) string {
	if r.Aborted != "" {
		return fmt.Sprintf("%.0f s, then aborted", r.EndS)
	}
	return fmt.Sprintf("%.0f s", r.EndS)
}
