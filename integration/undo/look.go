package undo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/shardquake/shardquake/chaos/journal"
)

// Look says what is left of an entry, without undoing anything; nil where nothing is, or
// where it can't be seen from outside (a request, a command).
func Look(ctx context.Context, e journal.Entry) ([]string, error) {
	var left []string
	var errs []error
	for _, s := range e.Undo {
		limited, cancel := context.WithTimeout(ctx, StepLimit)
		is, err := look(limited, s)
		cancel()
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s, err))
		}
		if is != "" {
			left = append(left, is)
		}
	}
	return left, errors.Join(errs...)
}

func look(ctx context.Context, s journal.Step) (left string, err error) {
	switch {
	case s.Proxy != nil:
		return lookAtProxy(ctx, *s.Proxy)
	case s.Container != nil:
		return lookAtContainer(ctx, *s.Container)
	case s.Exec != nil && slices.Equal(s.Exec.Command[:len(s.Exec.Command)-1], []string{"rm", "-f"}):
		file := s.Exec.Command[len(s.Exec.Command)-1]
		err := inContainer(ctx, journal.Exec{Container: s.Exec.Container, Command: []string{"test", "!", "-e", file}})
		if err != nil && strings.HasPrefix(err.Error(), "exit code 1") {
			return file + " in " + s.Exec.Name, nil
		}
		return "", err
	case s.Continue != nil:
		if state, _ := status(s.Continue.PID); Lives(*s.Continue) && state == "T" {
			return fmt.Sprintf("process %d is stopped", s.Continue.PID), nil
		}
	case s.Remove != "":
		if _, err := os.Stat(s.Remove); err == nil {
			return s.Remove, nil
		}
	}
	return "", nil
}

func lookAtProxy(ctx context.Context, p journal.Proxy) (string, error) {
	if p.Within != nil && !Lives(*p.Within) {
		return "", nil
	}
	var urls []string
	for _, api := range p.API {
		urls = append(urls, strings.TrimRight(api, "/")+"/proxies/"+url.PathEscape(p.Name))
	}
	text, err := ask(ctx, http.MethodGet, urls, "", nil)
	if isGone(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var state struct {
		Enabled bool              `json:"enabled"`
		Toxics  []json.RawMessage `json:"toxics"`
	}
	if err := json.Unmarshal(text, &state); err != nil {
		return "", fmt.Errorf("answer of toxiproxy: %w", err)
	}
	if !state.Enabled || len(state.Toxics) > 0 {
		return fmt.Sprintf("proxy %s: enabled %v, %d toxics", p.Name, state.Enabled, len(state.Toxics)), nil
	}
	return "", nil
}

func lookAtContainer(ctx context.Context, c journal.Container) (string, error) {
	docker, err := client.New(client.FromEnv)
	if err != nil {
		return "", err
	}
	defer docker.Close() //nolint:errcheck // nothing depends on it
	inspected, err := docker.ContainerInspect(ctx, c.ID, client.ContainerInspectOptions{})
	switch {
	case errdefs.IsNotFound(err):
		return "", nil
	case err != nil:
		return "", err
	case inspected.Container.State.Paused || !inspected.Container.State.Running:
		return fmt.Sprintf("container %s is %s", c.Name, inspected.Container.State.Status), nil
	}
	return "", nil
}
