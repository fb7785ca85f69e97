package es

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/scenarios"
)

// operatorLimit bounds one request of an operator to one node.
const operatorLimit = 30 * time.Second

// operator asks nodes for what scenarios' steps want, from where the clients are: the same
// on every backend.
type operator struct{ cluster Cluster }

var _ chaos.API = operator{}

// Call implements [chaos.API].
func (o operator) Call(ctx context.Context, method, path string, body, into any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	var unanswered []error
	for _, node := range o.cluster.Nodes() {
		err := o.ask(ctx, method, o.cluster.URL(scenarios.ViewerClient, node)+path, text, into)
		var answer *chaos.APIError
		if err == nil || errors.As(err, &answer) || ctx.Err() != nil {
			return err
		}
		unanswered = append(unanswered, fmt.Errorf("%s: %w", node, err))
	}
	return errors.Join(unanswered...)
}

// Begin implements [chaos.API].
func (o operator) Begin(ctx context.Context, method, path string) error {
	var unanswered []error
	for _, node := range o.cluster.Nodes() {
		err := o.ask(ctx, method, o.cluster.URL(scenarios.ViewerClient, node)+path, nil, nil)
		var answer *chaos.APIError
		switch {
		case err == nil || errors.As(err, &answer) || ctx.Err() != nil:
			return err
		case errors.Is(err, context.DeadlineExceeded):
			return nil // it is being done
		}
		unanswered = append(unanswered, fmt.Errorf("%s: %w", node, err))
	}
	return errors.Join(unanswered...)
}

// ask asks one node.
func (o operator) ask(ctx context.Context, method, url string, body []byte, into any) error {
	limited, cancel := o.cluster.Clock(scenarios.ViewerClient).WithTimeout(ctx, operatorLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(limited, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := o.cluster.Transport(scenarios.ViewerClient).RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return refusal(resp.StatusCode, data)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("the answer to %s %s: %w", method, req.URL.Path, err)
	}
	return nil
}

// refusal is an error answer with the reason that Elasticsearch gives.
func refusal(status int, data []byte) error {
	var answer struct {
		Error struct {
			Type   string `json:"type"`
			Reason string `json:"reason"`
		} `json:"error"`
	}
	if err := json.Unmarshal(data, &answer); err != nil || answer.Error.Type == "" {
		return &chaos.APIError{Status: status, Reason: http.StatusText(status)}
	}
	return &chaos.APIError{Status: status, Reason: answer.Error.Type + ": " + cmp.Or(answer.Error.Reason, "no reason given")}
}
