package scenarios

// Balances reports whether the scenario has a controller that balances: one with a policy
// that acts. Such scenarios are those to compare policies on.
func (s *Scenario) Balances() bool {
	return s.Controller != nil && s.Controller.Policy != "" && s.Controller.Policy != "none"
}

// WithPolicy is the scenario with another policy in its controller's place, no shadows
// beside it, and nothing expected: what the file expects is of its own policy.
func (l *Loaded) WithPolicy(name string) *Loaded {
	out := *l
	out.Amend(func(s *Scenario) {
		c := *s.Controller
		c.Policy, c.Shadow = name, nil
		s.Controller, s.Expect = &c, nil
	})
	return &out
}
