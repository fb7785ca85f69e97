package own

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// lookLimit bounds a question to the daemon.
const lookLimit = 30 * time.Second

// Look asks the Docker daemon by which names the others know the containers that can be
// isolated, where the file doesn't say: a container that is connected again would have lost
// them, and with them the name of its service by which nodes find each other. A network that a
// container is not in is an error that wraps [ErrConfig].
func (c *Config) Look(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(c.Nodes)) {
		d := c.Nodes[name].Docker
		if d == nil || d.Network == "" || len(d.Aliases) > 0 {
			continue
		}
		if err := d.look(ctx); err != nil {
			return fmt.Errorf("node %s: %w", name, err)
		}
	}
	return nil
}

// networks prints a line for each network of a container: its name and the names it has there.
const networks = `{{.Id}}{{range $n, $of := .NetworkSettings.Networks}}
{{$n}}{{range $of.Aliases}} {{.}}{{end}}{{end}}`

func (d *Docker) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	out, err := exec.CommandContext(ctx, "docker", "inspect", "--format", networks, d.Container).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("docker inspect %s: %s", d.Container, strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return fmt.Errorf("docker inspect %s: %w", d.Container, err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	id := lines[0]
	var in []string
	for _, line := range lines[1:] {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		in = append(in, words[0])
		if words[0] == d.Network {
			// The daemon gives the short id itself, to each anew.
			d.Aliases = slices.DeleteFunc(words[1:], func(a string) bool { return strings.HasPrefix(id, a) })
			return nil
		}
	}
	return fmt.Errorf("%w: container %s is not in network %s, but in %s", ErrConfig, d.Container, d.Network, strings.Join(in, ", "))
}
