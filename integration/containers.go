package integration

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2/client"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
)

const (
	dataPath  = "/usr/share/elasticsearch/data" // in both images
	apiPort   = "8474/tcp"                      // toxiproxy's API
	httpPort  = "9200/tcp"
	proxyWait = 20 * time.Second // for toxiproxy's API to answer
)

// The roles of containers.
const (
	roleProxy = "proxy"
	roleTools = "tools"
	roleNode  = "node"
)

func (c *Cluster) resourceName(parts ...string) string {
	return strings.Join(append([]string{"shardquake", c.runID}, parts...), "-")
}

func (c *Cluster) labelsOf(n *node, role string) map[string]string {
	labels := maps.Clone(c.labels)
	labels[labelNode] = n.spec.Name
	labels[labelRole] = role
	return labels
}

func (c *Cluster) createNetwork(ctx context.Context) error {
	created, err := c.docker.NetworkCreate(ctx, c.resourceName("net"), client.NetworkCreateOptions{
		Driver: "bridge", Labels: c.labels,
	})
	if err != nil {
		return fmt.Errorf("creating the network: %w", err)
	}
	c.networkID = created.ID
	return nil
}

// startNamespace makes what outlives the node's process: its disk, and the proxy
// container that owns its network namespace.
func (c *Cluster) startNamespace(ctx context.Context, n *node) error {
	volume := c.resourceName(n.spec.Name, "data")
	_, err := c.docker.VolumeCreate(ctx, client.VolumeCreateOptions{
		Name: volume, Driver: "local", Labels: c.labelsOf(n, roleNode),
		DriverOpts: map[string]string{
			"type": "tmpfs", "device": "tmpfs",
			"o": fmt.Sprintf("size=%d,uid=1000,gid=0,mode=0775", n.spec.DiskBytes),
		},
	})
	if err != nil {
		return fmt.Errorf("creating the disk: %w", err)
	}
	dial, bind := publishHost(c.docker)
	bindAddress, err := netip.ParseAddr(bind)
	if err != nil {
		return err
	}
	n.proxyID, err = c.startContainer(ctx, n, roleProxy, testcontainers.ContainerRequest{
		Image:        c.proxy.name,
		Cmd:          []string{"-host=0.0.0.0"},
		ExposedPorts: []string{apiPort, httpPort},
		Networks:     []string{c.resourceName("net")},
		HostConfigModifier: func(hc *container.HostConfig) {
			hc.NetworkMode = container.NetworkMode(c.resourceName("net"))
			hc.PortBindings = network.PortMap{
				network.MustParsePort(apiPort):  {{HostIP: bindAddress}},
				network.MustParsePort(httpPort): {{HostIP: bindAddress}},
			}
		},
	})
	if err != nil {
		return err
	}
	return c.readAddresses(ctx, n, dial)
}

// readAddresses finds the namespace's address and published ports, and waits until the
// proxy's API answers.
func (c *Cluster) readAddresses(ctx context.Context, n *node, dial string) error {
	inspected, err := c.docker.ContainerInspect(ctx, n.proxyID, client.ContainerInspectOptions{})
	if err != nil {
		return fmt.Errorf("inspecting the proxy container: %w", err)
	}
	settings := inspected.Container.NetworkSettings
	endpoint, ok := settings.Networks[c.resourceName("net")]
	if !ok || !endpoint.IPAddress.IsValid() {
		return fmt.Errorf("the proxy container has no address in the network")
	}
	n.address = endpoint.IPAddress.String()
	published := func(port string) (string, error) {
		bindings := settings.Ports[network.MustParsePort(port)]
		if len(bindings) == 0 {
			return "", fmt.Errorf("port %s is not published", port)
		}
		return net.JoinHostPort(dial, bindings[0].HostPort), nil
	}
	if n.http, err = published(httpPort); err != nil {
		return err
	}
	api, err := published(apiPort)
	if err != nil {
		return err
	}
	n.api, n.proxyAPI = toxiproxy.NewClient(api), "http://"+api
	return poll(ctx, proxyWait, 50*time.Millisecond, "toxiproxy's API", func() error {
		_, err := n.api.Version()
		return err
	})
}

// startNode starts the tools container, which keeps the disk mounted, and then
// Elasticsearch, unless the node joins later.
func (c *Cluster) startNode(ctx context.Context, n *node) error {
	var err error
	n.toolsID, err = c.startContainer(ctx, n, roleTools, testcontainers.ContainerRequest{
		Image:              c.es.name,
		Entrypoint:         []string{"/bin/bash", "-c", "exec sleep infinity"},
		HostConfigModifier: c.joinNamespace(n),
	})
	if err != nil {
		return err
	}
	n.esID, err = c.startContainer(ctx, n, roleNode, testcontainers.ContainerRequest{
		Image:              c.es.name,
		Env:                c.environment(n),
		HostConfigModifier: c.joinNamespace(n),
	})
	return err
}

// joinNamespace puts a container into a node's network namespace and on its disk.
func (c *Cluster) joinNamespace(n *node) func(*container.HostConfig) {
	return func(hc *container.HostConfig) {
		hc.NetworkMode = container.NetworkMode("container:" + n.proxyID)
		hc.Mounts = []mount.Mount{{
			Type: mount.TypeVolume, Source: c.resourceName(n.spec.Name, "data"), Target: dataPath,
			VolumeOptions: &mount.VolumeOptions{NoCopy: true},
		}}
		hc.Mounts = append(hc.Mounts, c.repoMounts()...)
		if !c.es.local {
			// The official image refuses to start with fewer; the local one has no
			// such check, and not every machine lets go that high.
			hc.Ulimits = []*container.Ulimit{{Name: "nofile", Soft: 65536, Hard: 65536}}
		}
	}
}

func (c *Cluster) startContainer(ctx context.Context, n *node, role string, req testcontainers.ContainerRequest) (string, error) {
	req.Name = c.resourceName(n.spec.Name, role)
	req.Labels = c.labelsOf(n, role)
	started, err := testcontainers.GenericContainer(ctx, testcontainers.GenericContainerRequest{
		ContainerRequest: req, Started: role != roleNode || !n.spec.Late, Logger: tclog.NewNoopLogger(),
	})
	if err != nil {
		return "", fmt.Errorf("starting the %s container: %w", role, err)
	}
	c.log.Debug("container started", "node", n.spec.Name, "role", role, "id", started.GetContainerID())
	return started.GetContainerID(), nil
}

// environment is the node's configuration: settings are variables with dots in their
// names in both images.
func (c *Cluster) environment(n *node) map[string]string {
	env := map[string]string{
		"cluster.name":                 c.opt.ClusterName,
		"node.name":                    n.spec.Name,
		"node.store.allow_mmap":        "false", // vm.max_map_count is the host's
		"transport.publish_host":       fmt.Sprintf("127.0.1.%d", n.index),
		"transport.bind_host":          fmt.Sprintf("127.0.1.%d,%s", n.index, n.address),
		"http.bind_host":               n.address,
		"http.publish_host":            n.address,
		"discovery.seed_hosts":         c.seedHosts(),
		"cluster.initial_master_nodes": c.initialMasters(),
		"ES_JAVA_OPTS":                 fmt.Sprintf("-Xms%dm -Xmx%dm %s", n.spec.HeapMB, n.spec.HeapMB, c.opt.JavaOptions),
	}
	if !c.es.local {
		env["xpack.security.enabled"] = "false"
		env["xpack.ml.enabled"] = "false"
		env["ingest.geoip.downloader.enabled"] = "false"
	}
	maps.Copy(env, c.opt.ClusterSettings)
	for key, value := range n.spec.Attributes {
		env["node.attr."+key] = value
	}
	maps.Copy(env, n.spec.Settings)
	return env
}

func (c *Cluster) seedHosts() string {
	var hosts []string
	for _, n := range c.nodes {
		hosts = append(hosts, n.transportAddress())
	}
	return strings.Join(hosts, ",")
}

// initialMasters are the nodes that may become master: all without roles of their own.
func (c *Cluster) initialMasters() string {
	var names []string
	for _, n := range c.prompt() {
		roles, set := n.spec.Settings["node.roles"]
		if !set || slices.Contains(strings.FieldsFunc(roles, func(r rune) bool { return strings.ContainsRune("[], \"", r) }), "master") {
			names = append(names, n.spec.Name)
		}
	}
	return strings.Join(names, ",")
}

// poll tries until it works or the time is up; the error is the last one.
func poll(ctx context.Context, limit, every time.Duration, what string, try func() error) error {
	deadline := time.Now().Add(limit)
	for {
		err := try()
		if err == nil {
			return nil
		}
		if unmendable := (final{}); errors.As(err, &unmendable) {
			return fmt.Errorf("%s: %w", what, unmendable.error)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: not within %s: %w", what, limit, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, context.Cause(ctx))
		case <-time.After(every):
		}
	}
}
