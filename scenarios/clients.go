package scenarios

import "github.com/shardquake/shardquake/internal/units"

// ClientSection says how the clients of a scenario behave. What an Elasticsearch client's pool
// does is that of the official one for Go.
type ClientSection struct {
	Nodes    []string       `yaml:"nodes,omitempty" json:"nodes,omitempty" jsonschema:"description=of system elasticsearch: nodes that it is given; one: it stays with that; default all"`
	SetAside *bool          `yaml:"set-aside,omitempty" json:"set_aside,omitempty" jsonschema:"description=of system elasticsearch: nodes that did not answer are left alone for a minute; doubled each time; default true"`
	Retries  *int           `yaml:"retries,omitempty" json:"retries,omitempty" jsonschema:"minimum=0,maximum=20,description=of system elasticsearch: on the next node where a node did not answer or answered 502 or 503 or 504; default 3"`
	Timeout  units.Duration `yaml:"timeout,omitempty" json:"timeout,omitempty" jsonschema:"description=of system elasticsearch: of an operation with its repetitions; default 10s"`
	Sniff    units.Duration `yaml:"sniff,omitempty" json:"sniff,omitempty" jsonschema:"description=of system elasticsearch: ask so often which nodes there are; absent: never"`
	Slow     units.Duration `yaml:"slow,omitempty" json:"slow,omitempty" jsonschema:"description=an acknowledged write that took longer counts as slow; default 1s"`
}

// Foreign are the keys that only clients of Elasticsearch have and the file has set.
func (c *ClientSection) Foreign() []string {
	var out []string
	for _, k := range []struct {
		name string
		set  bool
	}{{"nodes", c.Nodes != nil}, {"set-aside", c.SetAside != nil}, {"retries", c.Retries != nil}, {"timeout", c.Timeout != 0}, {"sniff", c.Sniff != 0}} {
		if k.set {
			out = append(out, k.name)
		}
	}
	return out
}
