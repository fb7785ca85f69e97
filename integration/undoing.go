package integration

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/chaos/journal"
	"github.com/shardquake/shardquake/integration/lease"
	"github.com/shardquake/shardquake/integration/links"
	"github.com/shardquake/shardquake/integration/undo"
)

const (
	roleAgent = "lease"
	agentPort = "8475/tcp"
	// agentPath is where the command lies in the agent's container.
	agentPath   = "/tmp/shardquake"
	dockerInBox = "/var/run/docker.sock"
	pollAgent   = 50 * time.Millisecond
)

// beginJournal begins the journal and has the leases kept by an agent that start starts.
func (c *outside) beginJournal(ctx context.Context, cluster string, start func(context.Context) (*lease.Remote, error)) error {
	var j *journal.Journal
	if c.opt.Journal != "" {
		var err error
		if j, err = journal.Create(c.opt.Journal, cluster); err != nil {
			return err
		}
	}
	agent, err := start(ctx)
	switch {
	case errors.Is(err, lease.ErrCommand):
		c.note("what is in force has no lease: %v", err)
	case err != nil:
		return err
	}
	c.keeper = lease.NewKeeper(j, agent, lease.DefaultTTL)
	return nil
}

// agent starts the agent of the leases: in a container beside the nodes, on their machine
// and in their network, where it outlives this program and its host. A command that can't
// run there, because it is for another system, becomes a process of this machine.
func (c *Cluster) agent(ctx context.Context) (*lease.Remote, error) {
	command, err := lease.Command()
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "linux" {
		return lease.Spawn(ctx, command, lease.DefaultTTL)
	}
	dial, bind := publishHost(c.docker)
	bindAddress, err := netip.ParseAddr(bind)
	if err != nil {
		return nil, err
	}
	token := lease.NewToken()
	labels := map[string]string{labelRole: roleAgent}
	for k, v := range c.labels {
		labels[k] = v
	}
	created, err := c.docker.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name: c.resourceName(roleAgent),
		Config: &container.Config{
			Image: c.es.name, User: "0:0", Entrypoint: []string{agentPath}, Cmd: lease.Words("0.0.0.0:8475", lease.DefaultTTL),
			Env: []string{lease.TokenVariable + "=" + token, "HOME=/tmp"}, Labels: labels,
			ExposedPorts: network.PortSet{network.MustParsePort(agentPort): {}},
		},
		HostConfig: &container.HostConfig{
			Binds:        []string{c.dockerSocket() + ":" + dockerInBox},
			NetworkMode:  container.NetworkMode(c.resourceName("net")),
			PortBindings: network.PortMap{network.MustParsePort(agentPort): {{HostIP: bindAddress}}},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("the container of the leases' agent: %w", err)
	}
	if err := c.putCommand(ctx, created.ID, command); err != nil {
		return nil, err
	}
	if _, err := c.docker.ContainerStart(ctx, created.ID, client.ContainerStartOptions{}); err != nil {
		return nil, fmt.Errorf("the container of the leases' agent: %w", err)
	}
	inspected, err := c.docker.ContainerInspect(ctx, created.ID, client.ContainerInspectOptions{})
	if err != nil {
		return nil, fmt.Errorf("the container of the leases' agent: %w", err)
	}
	bindings := inspected.Container.NetworkSettings.Ports[network.MustParsePort(agentPort)]
	if len(bindings) == 0 {
		return nil, fmt.Errorf("the agent of the leases has ended: %s", lastLogLines(ctx, c.docker, created.ID, 5))
	}
	remote := &lease.Remote{URL: "http://" + net.JoinHostPort(dial, bindings[0].HostPort), Token: token}
	err = poll(ctx, proxyWait, pollAgent, "the agent of the leases", func() error {
		_, err := remote.State(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, lastLogLines(ctx, c.docker, created.ID, 5))
	}
	return remote, nil
}

// dockerSocket is where the daemon listens on its own machine.
func (c *Cluster) dockerSocket() string {
	if u, err := url.Parse(c.docker.DaemonHost()); err == nil && u.Scheme == "unix" {
		return u.Path
	}
	return dockerInBox
}

// putCommand copies a program into a container that has not been started.
func (c *Cluster) putCommand(ctx context.Context, id, command string) error {
	text, err := os.ReadFile(command)
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	header := &tar.Header{Name: strings.TrimPrefix(agentPath, "/tmp/"), Mode: 0o755, Size: int64(len(text))}
	err = w.WriteHeader(header)
	if err == nil {
		_, err = w.Write(text)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return err
	}
	if _, err := c.docker.CopyToContainer(ctx, id, client.CopyToContainerOptions{DestinationPath: "/tmp", Content: &archive}); err != nil {
		return fmt.Errorf("copying the agent of the leases: %w", err)
	}
	return nil
}

// undoing is how containers are undone from outside, by the daemon and by the addresses of
// the node's namespace: that which is published here, and that in the cluster's network.
type undoing struct{ *Cluster }

// OfLink implements [leased.Steps].
func (u undoing) OfLink(from, to string) []journal.Step {
	var out []journal.Step
	for _, key := range []links.Key{{From: from, To: to}, {From: to, To: from}} {
		switch opener := u.byName[key.From]; {
		case !u.Has(key):
		case opener != nil:
			out = append(out, journal.Step{Proxy: &journal.Proxy{Name: key.Name(), API: []string{opener.proxyAPI, "http://" + opener.address + ":8474"}}})
		default: // a viewer's, whose proxies are in this process
			self := undo.Process(os.Getpid())
			out = append(out, journal.Step{Proxy: &journal.Proxy{Name: key.Name(), API: []string{u.viewers.Address()}, Within: &self}})
		}
	}
	return out
}

// OfProcess implements [leased.Steps].
func (u undoing) OfProcess(name string) []journal.Step {
	return []journal.Step{{Container: &journal.Container{ID: u.byName[name].esID, Name: u.resourceName(name, roleNode)}}}
}

// OfDisk implements [leased.Steps].
func (u undoing) OfDisk(name string) []journal.Step {
	tools := journal.Container{ID: u.byName[name].toolsID, Name: u.resourceName(name, roleTools)}
	return []journal.Step{{Exec: &journal.Exec{Container: tools, Command: []string{"rm", "-f", dataPath + "/ballast"}}}}
}

// OfSettings implements [leased.Steps].
func (u undoing) OfSettings(of chaos.Scope, before map[string]string) []journal.Step {
	method, path, body := settingsRequest(of, before)
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // texts by texts always can be written
	}
	r := &journal.Request{Method: method, Body: string(text)}
	for _, n := range u.nodes {
		r.URLs = append(r.URLs, "http://"+n.http+path, "http://"+n.address+":9200"+path)
	}
	return []journal.Step{{Request: r}}
}
