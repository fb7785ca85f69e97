// Package kvproc is the real backend of the key-value store: every node a process of its
// own (the command shardquake kv node), every directed link a proxy, every disk a folder
// of limited size.
//
// # Links
//
// A node listens on a loopback address of its own. Its address book, a file, names for
// each other node the proxy of the link between the two; viewers (clients, the runner)
// have address books, and proxies, of their own. So each directed pair that opens
// connections has its proxy (package links), and [Cluster.Direct] none.
//
// # Processes
//
// Nodes are killed (SIGKILL), stopped (SIGTERM), frozen (SIGSTOP) and started again on
// what is on their disks. They are no children of a terminal: Ctrl-C reaches whoever
// started the cluster, who closes it. On Linux the kernel kills them when that process
// dies, however it dies.
//
// # Disks
//
// A disk is a folder; the node counts what is in it and refuses to exceed the limit
// (shardquake kv node --disk-limit), which needs no privileges and no loop device.
// Ballast is a file in the folder. The node keeps a quarter of the disk, at most 64 MiB,
// in reserve: below it, writes of clients are refused, and nothing breaks.
//
// # Leftovers
//
// All files of a cluster are in one folder in the machine's folder for such things, with the number of
// the process that owns it. [Cluster.Close] removes it, [Clean] removes what belongs to
// processes that are gone.
package kvproc
