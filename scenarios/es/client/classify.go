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

	"github.com/shardquake/shardquake/scenarios/observed"
)

// Classify says why a request was not done, "" when it was. What broke before anything was
// sent can't have been done; what broke later may have been.
func Classify(status int, body []byte, err error) observed.Cause {
	var dial *net.OpError
	switch {
	case err == nil:
		return ofAnswer(status, body)
	case errors.Is(err, syscall.ECONNREFUSED):
		return observed.CauseDeadNode
	case errors.As(err, &dial) && dial.Op == "dial":
		return observed.CauseUnreachable
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return observed.CauseTimeout
	case errors.Is(err, context.Canceled):
		return observed.CauseEnded
	}
	return observed.CauseBroken
}

// failure is the error in an answer of Elasticsearch, with its root.
type failure struct {
	Type   string    `json:"type"`
	Reason string    `json:"reason"`
	Root   []failure `json:"root_cause"`
}

func ofAnswer(status int, body []byte) observed.Cause {
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
func OfItem(status int, kind, reason string) observed.Cause {
	switch {
	case status > 0 && status < http.StatusMultipleChoices:
		return ""
	case kind == "master_not_discovered_exception", kind == "cluster_block_exception" && strings.Contains(reason, "no master"):
		return observed.CauseNoMaster
	case kind == "cluster_block_exception":
		return observed.CauseBlocked
	case kind == "unavailable_shards_exception", kind == "no_shard_available_action_exception":
		return observed.CauseNoPrimary
	case kind == "es_rejected_execution_exception", status == http.StatusTooManyRequests:
		return observed.CauseRejected
	case kind == "index_not_found_exception":
		return observed.CauseNoIndex
	case kind == "version_conflict_engine_exception":
		return observed.CauseConflict
	}
	return observed.CauseRefused
}
