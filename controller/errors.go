package controller

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// ErrNoSuchIndex says that the monitor knows no index of that name.
var ErrNoSuchIndex = errors.New("no such index")

// ErrNotInCharge says that a request was not sent because another controller may be in
// charge. It is what a leadership's fence answers; sending it again is no use.
var ErrNotInCharge = errors.New("this controller does not hold the lease")

// ErrTooLarge says that an answer was longer than the client accepts.
var ErrTooLarge = errors.New("answer too large")

// APIError is an answer of Elasticsearch that reports a failure.
type APIError struct {
	Call   string // name of the call, such as "cluster.put_settings"
	Status int    // HTTP status
	Type   string // Elasticsearch's error type; "" when it gave none
	Reason string

	retryAfter time.Duration
}

func (e *APIError) Error() string {
	if e.Type == "" {
		return fmt.Sprintf("%s: status %d: %s", e.Call, e.Status, e.Reason)
	}
	return fmt.Sprintf("%s: status %d %s: %s", e.Call, e.Status, e.Type, e.Reason)
}

// transient reports whether the same call may succeed a little later or elsewhere.
func (e *APIError) transient() bool {
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// unsure reports whether the call may have been carried out though it failed: a proxy
// that gave up waiting, or a master that was lost while it published the change
// (FailedToCommitClusterStateException, and what a node answers that finds no other).
func (e *APIError) unsure() bool {
	switch e.Status {
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return true
	}
	switch e.Type {
	case "failed_to_commit_cluster_state_exception", "not_master_exception", "master_not_discovered_exception":
		return true
	}
	return false
}

// outcomeUnknown reports whether nobody can tell from the error if the call was carried
// out: whoever wants to repeat it has to look first.
func outcomeUnknown(err error) bool {
	var api *APIError
	switch {
	case err == nil, errors.Is(err, ErrNotInCharge):
		return false
	case errors.As(err, &api):
		return api.unsure()
	}
	return true
}

// HasStatus reports whether err is an answer with this HTTP status.
func HasStatus(err error, status int) bool {
	var api *APIError
	return errors.As(err, &api) && api.Status == status
}

// parseAPIError reads the body of a failed call. Elasticsearch gives an object with
// type and reason, a plain string for some old paths; proxies give anything.
func parseAPIError(call string, status int, body []byte) *APIError {
	e := &APIError{Call: call, Status: status}
	var answer struct {
		Error json.RawMessage `json:"error"`
	}
	var detail struct {
		Type   string `json:"type"`
		Reason string `json:"reason"`
	}
	if json.Unmarshal(body, &answer) == nil && len(answer.Error) > 0 {
		if json.Unmarshal(answer.Error, &detail) == nil && detail.Type != "" {
			e.Type, e.Reason = detail.Type, detail.Reason
			return e
		}
		if json.Unmarshal(answer.Error, &e.Reason) == nil && e.Reason != "" {
			return e
		}
	}
	// Whatever it is, such as a page of a proxy, it is to stand on one line of a log.
	const shown = 200
	e.Reason = strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(shown, len(body))]), "")), " ")
	if e.Reason == "" {
		e.Reason = http.StatusText(status)
	}
	return e
}
