// Package integration is the real backend: Elasticsearch nodes in containers, with a
// proxy on every directed link, a size-limited disk per node, and nothing left behind.
//
// # A node
//
// Three containers make one node. The proxy container (toxiproxy) owns the network
// namespace and keeps its address and published ports for the whole run. The node
// container (Elasticsearch) joins that namespace, so that killing and starting it
// changes no address. The tools container (the same image, asleep) joins it too: it
// probes links from inside and fills the disk, also while the node is dead or paused.
// The disk is a volume of type tmpfs: Elasticsearch sees its true size, and because
// the tools container mounts it as well, it outlives the node.
//
// # Links
//
// In the namespace of node i, the address 127.0.1.j port 9300 is a proxy that leads to
// node j; node j publishes 127.0.1.j as its transport address. Every directed pair of
// nodes so has a proxy of its own. What a sends to b flows upstream in the proxy a→b
// and downstream in the proxy b→a, so a directed cut acts on both. Viewers (controller,
// client) have proxies of their own in this process, on loopback, in front of each
// node's published HTTP port.
//
// The observer's address ([Cluster.DirectURL]) passes no proxy and is never cut.
//
// # Leftovers
//
// Everything made carries labels with the run's id and its process. [Cluster.Close]
// removes what carries the run's id, [Clean] what belongs to processes that are gone.
package integration
