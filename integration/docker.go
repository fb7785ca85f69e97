package integration

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
	tclog "github.com/testcontainers/testcontainers-go/log"

	"github.com/shardquake/shardquake/scenarios"
)

// pingTimeout bounds the question whether a daemon answers.
const pingTimeout = 10 * time.Second

// prepareTestcontainers sets what testcontainers reads once per process: no reaper (its
// image may be out of reach, and Close and Clean do its work) and no banner.
var prepareTestcontainers = sync.OnceFunc(func() {
	if os.Getenv("TESTCONTAINERS_RYUK_DISABLED") == "" {
		os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true") //nolint:errcheck // a constant name can't fail
	}
	tclog.SetDefault(tclog.NewNoopLogger())
})

// connect returns a client of the Docker daemon, or an error that wraps
// [scenarios.ErrUnavailable] and says what to do.
func connect(ctx context.Context) (*client.Client, error) {
	docker, err := client.New(client.FromEnv)
	if err != nil {
		return nil, fmt.Errorf("%w: Docker client: %w", scenarios.ErrUnavailable, err)
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if _, err := docker.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		docker.Close() //nolint:errcheck // the ping's error is the one to tell
		return nil, fmt.Errorf("%w: no Docker daemon answers at %s: %w; start it, or run integration/images/docker-up.sh as root",
			scenarios.ErrUnavailable, docker.DaemonHost(), err)
	}
	prepareTestcontainers()
	return docker, nil
}

// publishHost is the address at which this process reaches published ports, and the one
// to publish on: loopback for a daemon on this machine, any address for a remote one.
func publishHost(docker *client.Client) (dial, bind string) {
	u, err := url.Parse(docker.DaemonHost())
	if err == nil && u.Scheme == "tcp" && u.Hostname() != "" {
		return u.Hostname(), "0.0.0.0"
	}
	return "127.0.0.1", "127.0.0.1"
}

// run executes a command in a container and returns its standard output.
func run(ctx context.Context, docker *client.Client, containerID string, env []string, cmd ...string) (string, error) {
	created, err := docker.ExecCreate(ctx, containerID, client.ExecCreateOptions{
		Cmd: cmd, Env: env, User: "0:0", AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return "", fmt.Errorf("exec: %w", err)
	}
	attached, err := docker.ExecAttach(ctx, created.ID, client.ExecAttachOptions{})
	if err != nil {
		return "", fmt.Errorf("exec: %w", err)
	}
	defer attached.Close()
	// The stream knows no context: closing it ends the copy.
	stop := context.AfterFunc(ctx, attached.Close)
	defer stop()
	var stdout, stderr bytes.Buffer
	if _, err := stdcopy.StdCopy(&stdout, &stderr, attached.Reader); err != nil {
		return "", fmt.Errorf("exec: %w", firstError(ctx.Err(), err))
	}
	result, err := docker.ExecInspect(ctx, created.ID, client.ExecInspectOptions{})
	if err != nil {
		return "", fmt.Errorf("exec: %w", err)
	}
	if result.ExitCode != 0 {
		return stdout.String(), fmt.Errorf("exec: exit code %d: %s", result.ExitCode, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// lastLogLines returns the end of a container's output, for error messages.
func lastLogLines(ctx context.Context, docker *client.Client, containerID string, lines int) string {
	logs, err := docker.ContainerLogs(ctx, containerID, client.ContainerLogsOptions{
		ShowStdout: true, ShowStderr: true, Tail: fmt.Sprint(lines),
	})
	if err != nil {
		return "(no log: " + err.Error() + ")"
	}
	defer logs.Close() //nolint:errcheck // reading only
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &out, logs); err != nil {
		return "(no log: " + err.Error() + ")"
	}
	return strings.TrimSpace(out.String())
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
