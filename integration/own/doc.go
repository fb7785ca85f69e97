// Package own acts on nodes that Shardquake did not start: those of a user's own cluster, as a
// cluster file says how: containers of Docker, commands over SSH with systemd, pods of
// Kubernetes, the user's own commands.
//
// Whatever the way, an action is commands of this machine: do, undo, probe, each with a time
// limit, so that a dry run can print every one of them, and a journal can say how something is
// undone after this program has gone. Only the nodes that the file names are ever touched.
package own
