package lease

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// commandVariable names the command shardquake, for programs that aren't it.
const commandVariable = "SHARDQUAKE_COMMAND"

// TokenVariable holds an agent's token.
const TokenVariable = "SHARDQUAKE_LEASE_TOKEN"

// ErrCommand is returned where there is no command that could run nodes and agents.
var ErrCommand = errors.New("this program can't run nodes: name the command shardquake in " + commandVariable)

// Command is the command of the environment, or this process's own executable unless it is
// that of a test.
func Command() (string, error) {
	if named := os.Getenv(commandVariable); named != "" {
		return named, nil
	}
	self, err := os.Executable()
	if err == nil && strings.HasSuffix(self, ".test") {
		err = ErrCommand
	}
	return self, err
}

// Words are what the command is given to be an agent; its token is in [TokenVariable].
func Words(listen string, ttl time.Duration) []string {
	return []string{"lease-agent", "--listen", listen, "--ttl", ttl.String()}
}

// NewToken makes a token.
func NewToken() string { return rand.Text() }

// Spawn starts an agent as a process of its own on this machine, which outlives this one.
func Spawn(ctx context.Context, command string, ttl time.Duration) (*Remote, error) {
	token := NewToken()
	cmd := exec.Command(command, Words("127.0.0.1:0", ttl)...)
	cmd.Env = append(os.Environ(), TokenVariable+"="+token)
	cmd.SysProcAttr = detached()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the agent of the leases: %w", err)
	}
	go func() { _ = cmd.Wait() }() // it ends when it is told to
	type greeting struct {
		line string
		err  error
	}
	first := make(chan greeting, 1)
	go func() {
		line, err := bufio.NewReader(out).ReadString('\n')
		first <- greeting{line, err}
	}()
	select {
	case t := <-first:
		address, is := strings.CutPrefix(strings.TrimSpace(t.line), "listens ")
		if !is {
			return nil, errors.Join(fmt.Errorf("the agent of the leases said %q", t.line), t.err, cmd.Process.Kill())
		}
		return &Remote{URL: "http://" + address, Token: token}, nil
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), cmd.Process.Kill())
	case <-time.After(spawnLimit):
		return nil, errors.Join(fmt.Errorf("the agent of the leases doesn't listen after %s", spawnLimit), cmd.Process.Kill())
	}
}

const spawnLimit = 30 * time.Second
