package reports

// Figure is a number of a run by which it can be compared.
type Figure struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit,omitempty"`
	Value float64 `json:"value"`
}

// Figures are all that a run has: what its expectations observed, then its scores. What did not happen or was not observed is absent.
func Figures(r *Report) []Figure {
	var out []Figure
	for _, e := range r.Expectations {
		if e.Observed != nil {
			out = append(out, Figure{e.Name, e.Unit, *e.Observed})
		}
	}
	for _, k := range ScoreKinds() {
		if v := k.Of(r); v != nil {
			out = append(out, Figure{k.Name, k.Unit, *v})
		}
	}
	return out
}

// Amount writes a figure with its unit.
func Amount(v float64, unit string) string {
	if unit == "b" && v < 0 {
		return "-" + quantity(ptr(-v), unit)
	}
	return quantity(&v, unit)
}
