package integration

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"strconv"

	"github.com/moby/moby/client"

	"github.com/shardquake/shardquake/chaos/journal"
	"github.com/shardquake/shardquake/integration/undo"
)

// Labels on everything a run makes in Docker.
const (
	labelRun     = "org.shardquake.run"     // the run's id
	labelCluster = "org.shardquake.cluster" // the cluster's name
	labelPID     = "org.shardquake.pid"     // the process that owns the run
	labelBorn    = "org.shardquake.born"    // that process's start time, as the kernel counts it
	labelHost    = "org.shardquake.host"    // the machine of that process
	labelNode    = "org.shardquake.node"
	labelRole    = "org.shardquake.role"
)

// newRunID names a run; it only has to differ from every other on the daemon.
func newRunID() string {
	var b [4]byte
	rand.Read(b[:]) //nolint:errcheck // never fails
	return hex.EncodeToString(b[:])
}

// runLabels are the labels of a run that this process owns.
func runLabels(runID, cluster string) map[string]string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return map[string]string{
		labelRun:     runID,
		labelCluster: cluster,
		labelPID:     strconv.Itoa(os.Getpid()),
		labelBorn:    undo.Born(os.Getpid()),
		labelHost:    host,
	}
}

// byLabel selects what carries a label; an empty value means any.
func byLabel(key, value string) client.Filters {
	if value != "" {
		key += "=" + value
	}
	return make(client.Filters).Add("label", key)
}

// ownerLives reports whether the process that labelled something still runs on this
// machine. A process id that has been given to another process since does not count.
func ownerLives(labels map[string]string) bool {
	host, err := os.Hostname()
	if err != nil || labels[labelHost] != host {
		return false
	}
	pid, err := strconv.Atoi(labels[labelPID])
	if err != nil || pid <= 0 {
		return false
	}
	return undo.Lives(journal.Process{PID: pid, Born: labels[labelBorn]})
}
