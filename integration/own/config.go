package own

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// ErrConfig marks errors of the file.
var ErrConfig = errors.New("cluster file")

// The defaults of the file.
const (
	defaultWithin = 30 * time.Second
	defaultTimer  = 15 * time.Minute
	defaultBudget = 1
)

// Config is a user's own cluster: the file cluster.yaml.
type Config struct {
	// Name and UUID are the cluster's own, as GET / and the cluster's state tell them. What answers otherwise is
	// another cluster, and is left alone.
	Name string `yaml:"name"`
	UUID string `yaml:"uuid"`
	// How to be let in; passwords and keys come from files or the environment.
	User         string `yaml:"user,omitempty"`
	PasswordFile string `yaml:"password-file,omitempty"`
	APIKeyFile   string `yaml:"api-key-file,omitempty"`
	CACert       string `yaml:"ca-cert,omitempty"`
	// Budget is how many nodes may be down or cut off at once, those included that are so for
	// other reasons.
	Budget int `yaml:"budget,omitempty"`
	// Zone is the node attribute of which two values are never touched at once; "": none.
	Zone string `yaml:"zone,omitempty"`
	// SnapshotWithin asks for a successful snapshot that is younger; 0: none is asked for.
	SnapshotWithin units.Duration `yaml:"snapshot-within,omitempty"`
	// Load is "none", the default: only looks and probes; or "own": the scenario's workload
	// writes into the cluster's indices.
	Load string `yaml:"load,omitempty"`
	// Nodes are those that may be touched, by the names that they have in the cluster. One
	// without a way to act on it is watched only.
	Nodes map[string]*Node `yaml:"nodes"`
}

// Node is how one node is reached and acted on.
type Node struct {
	HTTP       string             `yaml:"http"`
	Docker     *Docker            `yaml:"docker,omitempty"`
	SSH        *SSH               `yaml:"ssh,omitempty"`
	Kubernetes *Kubernetes        `yaml:"kubernetes,omitempty"`
	Commands   map[string]*Action `yaml:"commands,omitempty"`
}

// Docker is a node in a container of this machine's Docker.
type Docker struct {
	Container string `yaml:"container"`
	// Network is what the container is disconnected from, to be isolated; "": it can't be.
	Network string `yaml:"network,omitempty"`
	IP      string `yaml:"ip,omitempty"` // that it must have again; "": Docker's choice
	// Aliases are the names by which the others in the network find it, which a container that
	// is connected again has no more unless they are given; [Config.Look] finds them.
	Aliases []string `yaml:"aliases,omitempty"`
	// Path is where a file is put to fill its disk; "": it can't be filled.
	Path string `yaml:"path,omitempty"`
}

// SSH is a node on a machine that is reached over SSH, and runs under systemd.
type SSH struct {
	Host     string   `yaml:"host"` // user@host
	Port     int      `yaml:"port,omitempty"`
	Identity string   `yaml:"identity,omitempty"`
	Options  []string `yaml:"options,omitempty"` // of ssh -o
	Sudo     bool     `yaml:"sudo,omitempty"`
	// Unit is the node's, of systemd; without, Start and PIDFile say how it runs.
	Unit    string `yaml:"unit,omitempty"`
	Start   string `yaml:"start,omitempty"`
	PIDFile string `yaml:"pid-file,omitempty"`
	Path    string `yaml:"path,omitempty"`
	// Timer is after what time the node's own machine undoes what was done to it, should
	// nobody else; negative: it has none, and what is done heals only from here.
	Timer units.Duration `yaml:"timer,omitempty"`
}

// Kubernetes is a node in a pod.
type Kubernetes struct {
	Context   string `yaml:"context,omitempty"`
	Namespace string `yaml:"namespace,omitempty"`
	Pod       string `yaml:"pod"`
	Container string `yaml:"container,omitempty"`
	// ChaosMesh is whether its custom resources are installed, which isolate a pod.
	ChaosMesh bool   `yaml:"chaos-mesh,omitempty"`
	Path      string `yaml:"path,omitempty"`
}

// Action is what is done to a node, and how it is undone and looked at.
type Action struct {
	Do   []string `yaml:"do"`
	Undo []string `yaml:"undo"`
	// Probe ends with 0 while the action is in force; none: what the node answers tells.
	Probe  []string       `yaml:"probe,omitempty"`
	Within units.Duration `yaml:"within,omitempty"`
	// SelfHealing is whether it is undone beyond this machine, should nobody undo it here.
	SelfHealing bool `yaml:"self-healing,omitempty"`
	// Shows is what the probe's output has to have in it besides.
	Shows string `yaml:"-"`
}

// The kinds of actions.
const (
	Kill    = "kill"    // end the process at once
	Stop    = "stop"    // ask it to end
	Pause   = "pause"   // freeze it
	Isolate = "isolate" // cut it off from every other node
	Fill    = "fill"    // fill its disk with {bytes}
)

// Whose load there is.
const (
	LoadNone = "none" // nobody's but the users'
	LoadOwn  = "own"  // the scenario's workload
)

// Kinds are all of them.
func Kinds() []string { return []string{Kill, Stop, Pause, Isolate, Fill} }

// Read reads a file. Errors wrap [ErrConfig] and say where.
func Read(path string) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return Parse(path, text)
}

// Parse reads the text of a file.
func Parse(name string, text []byte) (*Config, error) {
	file, err := source.Parse(name, text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	var c Config
	if err := file.Decode(&c); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if err := file.Annotate(c.check()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	c.complete()
	return &c, nil
}

func (c *Config) complete() {
	if c.Budget == 0 {
		c.Budget = defaultBudget
	}
	if c.Load == "" {
		c.Load = LoadNone
	}
	for _, n := range c.Nodes {
		for _, a := range n.Commands {
			if a.Within == 0 {
				a.Within = units.Duration(defaultWithin)
			}
		}
		if n.SSH != nil && n.SSH.Timer == 0 {
			n.SSH.Timer = units.Duration(defaultTimer)
		}
	}
}

// word is a name that is safe in a shell's line.
var word = regexp.MustCompile(`^[A-Za-z0-9@._:/=-]+$`)

func (c *Config) check() (ps []source.Problem) {
	if c.Name == "" {
		ps = append(ps, source.Problemf("$", "name: expected the cluster's name, as its state tells it"))
	}
	if c.UUID == "" {
		ps = append(ps, source.Problemf("$", "uuid: expected the cluster's UUID: cluster_uuid of GET / or of GET /_cluster/state"))
	}
	if c.Budget < 0 {
		ps = append(ps, source.Problemf("$.budget", "budget: expected how many nodes may be down at once, 1 or more"))
	}
	if c.Load != "" && c.Load != LoadNone && c.Load != LoadOwn {
		ps = append(ps, source.Problemf("$.load", "%s", source.Unknown("load", c.Load, []string{LoadNone, LoadOwn})))
	}
	if len(c.Nodes) == 0 {
		ps = append(ps, source.Problemf("$", "nodes: expected the nodes that may be touched, by name"))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Nodes)) {
		ps = append(ps, c.checkNode(name)...)
	}
	return ps
}

func (c *Config) checkNode(name string) (ps []source.Problem) {
	n, at := c.Nodes[name], fmt.Sprintf("$.nodes.'%s'", name)
	bad := func(format string, args ...any) {
		ps = append(ps, source.Problemf(at, "node %s: %s", name, fmt.Sprintf(format, args...)))
	}
	if n == nil {
		ps = append(ps, source.Problemf("$.nodes", "node %s: expected http: at least", name))
		return ps
	}
	if u, err := url.Parse(n.HTTP); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		bad("http: expected the address of its HTTP API, such as http://10.0.0.1:9200, not %q", n.HTTP)
	}
	ways := 0
	for _, has := range []bool{n.Docker != nil, n.SSH != nil, n.Kubernetes != nil} {
		if has {
			ways++
		}
	}
	if ways > 1 {
		bad("expected one of docker, ssh and kubernetes")
	}
	switch {
	case n.Docker != nil && !word.MatchString(n.Docker.Container):
		bad("docker: expected container: NAME")
	case n.Docker != nil && n.Docker.Network != "" && !word.MatchString(n.Docker.Network):
		bad("docker: expected network: NAME, not %q", n.Docker.Network)
	case n.Docker != nil && n.Docker.IP != "" && net.ParseIP(n.Docker.IP) == nil:
		bad("docker: ip: expected an address, not %q", n.Docker.IP)
	case n.Docker != nil && slices.ContainsFunc(n.Docker.Aliases, func(a string) bool { return !word.MatchString(a) }):
		bad("docker: aliases: expected names, not %q", n.Docker.Aliases)
	case n.SSH != nil && !word.MatchString(n.SSH.Host):
		bad("ssh: expected host: user@host")
	case n.SSH != nil && n.SSH.Unit == "" && (n.SSH.PIDFile == "" || n.SSH.Start == ""):
		bad("ssh: expected unit:, or pid-file: and start:")
	case n.Kubernetes != nil && !word.MatchString(n.Kubernetes.Pod):
		bad("kubernetes: expected pod: NAME")
	}
	for _, kind := range slices.Sorted(maps.Keys(n.Commands)) {
		a := n.Commands[kind]
		switch {
		case !slices.Contains(Kinds(), kind):
			bad("%s", source.Unknown("command", kind, Kinds()))
		case a == nil || len(a.Do) == 0 || len(a.Undo) == 0:
			bad("commands: %s: expected do: and undo:, lists of words", kind)
		}
	}
	return ps
}
