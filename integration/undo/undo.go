// Package undo carries out the steps that undo what was done to real nodes, from wherever
// it is called: by the run itself, by the agent that holds the leases, by a person with the
// journal. Each step may be carried out again without harm, and one whose thing is gone has
// nothing left to do.
package undo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"

	"github.com/shardquake/shardquake/chaos/journal"
)

// StepLimit bounds one step.
const StepLimit = 10 * time.Second

// dialLimit bounds the try of one of several addresses.
const dialLimit = 2 * time.Second

// Do carries out the steps of an entry in order, all of them whatever becomes of the others.
func Do(ctx context.Context, e journal.Entry) error {
	var errs []error
	for _, s := range e.Undo {
		limited, cancel := context.WithTimeout(ctx, StepLimit)
		if err := step(limited, s); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s, err))
		}
		cancel()
	}
	return errors.Join(errs...)
}

func step(ctx context.Context, s journal.Step) error {
	switch {
	case s.Proxy != nil:
		return resetProxy(ctx, *s.Proxy)
	case s.Container != nil:
		return running(ctx, *s.Container)
	case s.Exec != nil:
		return inContainer(ctx, *s.Exec)
	case s.Request != nil:
		return request(ctx, *s.Request)
	case s.Continue != nil:
		return proceed(*s.Continue)
	case s.Remove != "":
		if err := os.Remove(s.Remove); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	case s.Command != nil:
		out, err := exec.CommandContext(ctx, s.Command.Words[0], s.Command.Words[1:]...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
		}
		return nil
	}
	return errors.New("a step of no kind that this version knows")
}

// resetProxy enables a proxy and takes its toxics away.
func resetProxy(ctx context.Context, p journal.Proxy) error {
	if p.Within != nil && !Lives(*p.Within) {
		return nil
	}
	var state struct {
		Enabled bool `json:"enabled"`
		Toxics  []struct {
			Name string `json:"name"`
		} `json:"toxics"`
	}
	at := func(parts ...string) []string {
		var out []string
		for _, api := range p.API {
			u := strings.TrimRight(api, "/") + "/proxies/" + url.PathEscape(p.Name)
			for _, part := range parts {
				u += "/" + url.PathEscape(part)
			}
			out = append(out, u)
		}
		return out
	}
	text, err := ask(ctx, http.MethodGet, at(), "", nil)
	if isGone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &state); err != nil {
		return fmt.Errorf("answer of toxiproxy: %w", err)
	}
	var errs []error
	for _, t := range state.Toxics {
		if _, err := ask(ctx, http.MethodDelete, at("toxics", t.Name), "", nil); err != nil && !isGone(err) {
			errs = append(errs, err)
		}
	}
	if !state.Enabled {
		_, err := ask(ctx, http.MethodPost, at(), `{"enabled": true}`, nil)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func request(ctx context.Context, r journal.Request) error {
	_, err := ask(ctx, r.Method, r.URLs, r.Body, r.Header)
	if isGone(err) {
		return nil
	}
	return err
}

// answered is an HTTP answer that is a refusal.
type answered struct {
	status int
	text   string
}

func (a *answered) Error() string { return fmt.Sprintf("%d: %s", a.status, a.text) }

func isGone(err error) bool {
	var a *answered
	return errors.As(err, &a) && a.status == http.StatusNotFound
}

// ask sends a request to the first address that takes it.
func ask(ctx context.Context, method string, urls []string, body string, header map[string]string) ([]byte, error) {
	var last error
	for _, u := range urls {
		text, err := askOne(ctx, method, u, body, header)
		var refused *answered
		if err == nil || errors.As(err, &refused) && refused.status != http.StatusServiceUnavailable {
			return text, err
		}
		last = err
	}
	return nil, last
}

func askOne(ctx context.Context, method, u, body string, header map[string]string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, u, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // reading only
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= 300 {
		return nil, &answered{res.StatusCode, strings.TrimSpace(string(text))}
	}
	return text, nil
}

// running lets a container go on that is paused, and starts one that has ended.
func running(ctx context.Context, c journal.Container) error {
	docker, err := client.New(client.FromEnv)
	if err != nil {
		return err
	}
	defer docker.Close() //nolint:errcheck // nothing depends on it
	inspected, err := docker.ContainerInspect(ctx, c.ID, client.ContainerInspectOptions{})
	switch {
	case errdefs.IsNotFound(err):
		return nil
	case err != nil:
		return err
	case inspected.Container.State.Paused:
		_, err = docker.ContainerUnpause(ctx, c.ID, client.ContainerUnpauseOptions{})
	case !inspected.Container.State.Running:
		_, err = docker.ContainerStart(ctx, c.ID, client.ContainerStartOptions{})
	}
	return err
}

func inContainer(ctx context.Context, e journal.Exec) error {
	docker, err := client.New(client.FromEnv)
	if err != nil {
		return err
	}
	defer docker.Close() //nolint:errcheck // nothing depends on it
	created, err := docker.ExecCreate(ctx, e.ID, client.ExecCreateOptions{Cmd: e.Command, User: "0:0", AttachStdout: true, AttachStderr: true})
	if errdefs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	attached, err := docker.ExecAttach(ctx, created.ID, client.ExecAttachOptions{})
	if err != nil {
		return err
	}
	defer attached.Close()
	defer context.AfterFunc(ctx, attached.Close)()
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &out, attached.Reader); err != nil {
		return errors.Join(ctx.Err(), err)
	}
	result, err := docker.ExecInspect(ctx, created.ID, client.ExecInspectOptions{})
	if err != nil {
		return err
	}
	if result.ExitCode != 0 {
		return fmt.Errorf("exit code %d: %s", result.ExitCode, strings.TrimSpace(out.String()))
	}
	return nil
}

// Lives reports whether a process of this machine is still the one that is meant. One that
// has ended and that nobody has asked after yet doesn't live.
func Lives(p journal.Process) bool {
	found, err := os.FindProcess(p.PID)
	if err != nil || p.PID <= 0 {
		return false
	}
	if err := found.Signal(syscall.Signal(0)); err != nil && !errors.Is(err, os.ErrPermission) {
		return false
	}
	state, born := status(p.PID)
	return state != "Z" && (p.Born == "" || born == p.Born)
}

// Born is the start time of a process in the kernel's ticks since boot, "" where the system
// does not tell.
func Born(pid int) string {
	_, born := status(pid)
	return born
}

func status(pid int) (state, born string) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", ""
	}
	// The second field is a name in parentheses that may hold spaces; the start time
	// is the 22nd field, the 20th after it.
	text := string(stat)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return "", ""
	}
	return fields[0], fields[19]
}

// Process is a process of this machine as steps name it.
func Process(pid int) journal.Process { return journal.Process{PID: pid, Born: Born(pid)} }
