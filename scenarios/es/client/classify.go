package client

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"

	"github.com/shardquake/shardquake/scenarios"
)

// Classify says why a request was not done, "" when it was. What broke before anything was
// sent can't have been done; what broke later may have been.
func Classify(status int, body []byte, err error) scenarios.Cause {
	var dial *net.OpError
	switch {
	case err == nil:
		return ofAnswer(status, body)
	case errors.Is(err, syscall.ECONNREFUSED):
		return scenarios.CauseDeadNode
	case errors.As(err, &dial) && dial.Op == "dial":
		return scenarios.CauseUnreachable
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return scenarios.CauseTimeout
	case errors.Is(err, context.Canceled):
		return scenarios.CauseEnded
	}
	return scenarios.CauseBroken
}

// failure is the error in an answer of Elasticsearch, with its root.
type failure struct {
	Type   string    `json:"type"`
	Reason string    `json:"reason"`
	Root   []failure `json:"root_cause"`
}

func ofAnswer(status int, body []byte) scenarios.Cause {
	if status < http.StatusMultipleChoices {
		return ""
	}
	var answer struct {
		Error json.RawMessage `json:"error"`
	}
	var f failure
	if json.Unmarshal(body, &answer) == nil {
		_ = json.Unmarshal(answer.Error, &f) // a text instead says nothing of the cause
	}
	if len(f.Root) > 0 && f.Type == "" {
		f = f.Root[0]
	}
	return OfItem(status, f.Type, f.Reason)
}

// OfItem says why a document was refused, "" when it was not; of a bulk each has an answer of
// its own.
func OfItem(status int, kind, reason string) scenarios.Cause {
	switch {
	case status > 0 && status < http.StatusMultipleChoices:
		return ""
	case kind == "master_not_discovered_exception", kind == "cluster_block_exception" && strings.Contains(reason, "no master"):
		return scenarios.CauseNoMaster
	case kind == "cluster_block_exception":
		return scenarios.CauseBlocked
	case kind == "unavailable_shards_exception", kind == "no_shard_available_action_exception":
		return scenarios.CauseNoPrimary
	case kind == "es_rejected_execution_exception", status == http.StatusTooManyRequests:
		return scenarios.CauseRejected
	case kind == "index_not_found_exception":
		return scenarios.CauseNoIndex
	case kind == "version_conflict_engine_exception":
		return scenarios.CauseConflict
	}
	return scenarios.CauseRefused
}
