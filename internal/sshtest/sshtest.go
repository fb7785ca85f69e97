//determinism:realtime a daemon of this machine, for tests

// Package sshtest runs an SSH daemon of this machine for tests: on the loopback, with keys made
// for it, that lets in whoever runs the tests and nobody else.
package sshtest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Daemon is a machine that is reached over SSH, which is this one.
type Daemon struct {
	Host     string // user@127.0.0.1
	Port     int
	Identity string
	// Options are of ssh -o.
	Options []string

	allowed string
	stop    func()
}

// limit bounds the wait for the daemon.
const limit = 20 * time.Second

// Start starts one, which ends with the test. Where this machine has no sshd the test is
// skipped; with SHARDQUAKE_REQUIRE_SSHD that is a failure.
func Start(t *testing.T) *Daemon {
	t.Helper()
	d := Here(t)
	if d == nil {
		t.Skip("there is no sshd here (openssh-server): nothing was tried over SSH")
	}
	return d
}

// Here is Start for tests that go on without one: nil where this machine has no sshd.
func Here(t *testing.T) *Daemon {
	t.Helper()
	command, err := find()
	if err != nil {
		if os.Getenv("SHARDQUAKE_REQUIRE_SSHD") != "" { //determinism:allow machine whether a skip is a failure
			t.Fatal(err)
		}
		t.Logf("%v: nothing is tried over SSH", err)
		return nil
	}
	d, err := start(t.TempDir(), command)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.stop)
	return d
}

// find looks for the daemon, which insists on being called by its whole path.
func find() (string, error) {
	if path, err := exec.LookPath("sshd"); err == nil {
		return filepath.Abs(path)
	}
	const usual = "/usr/sbin/sshd"
	if _, err := os.Stat(usual); err != nil {
		return "", errors.New("there is no sshd here (openssh-server)")
	}
	return usual, nil
}

func start(folder, command string) (*Daemon, error) {
	who, err := user.Current()
	if err != nil {
		return nil, err
	}
	if who.Uid == "0" { // it wants an empty folder there before it gives up its rights
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return nil, err
		}
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	in := func(name string) string { return filepath.Join(folder, name) }
	for _, key := range []string{"host", "identity"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", in(key)).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("ssh-keygen: %w: %s", err, out)
		}
	}
	d := &Daemon{
		Host: who.Username + "@127.0.0.1", Port: port, Identity: in("identity"), allowed: in("allowed"),
		Options: []string{"StrictHostKeyChecking=no", "UserKnownHostsFile=" + in("known"), "LogLevel=ERROR", "IdentitiesOnly=yes"},
	}
	if err := d.Admit(true); err != nil {
		return nil, err
	}
	config := fmt.Sprintf("Port %d\nListenAddress 127.0.0.1\nHostKey %s\nAuthorizedKeysFile %s\nPidFile %s\nStrictModes no\nUsePAM no\nUseDNS no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\nMaxStartups 100\n", port, in("host"), d.allowed, in("pid"))
	if err := os.WriteFile(in("config"), []byte(config), 0o600); err != nil {
		return nil, err
	}
	var log bytes.Buffer
	cmd := exec.Command(command, "-D", "-e", "-f", in("config"))
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	d.stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	for deadline := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			_ = conn.Close() // it listens
			return d, nil
		}
		if time.Now().After(deadline) {
			d.stop()
			return nil, fmt.Errorf("sshd does not listen: %w: %s", err, log.String())
		}
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// Admit lets the key in, or refuses it from now on, as when a permission is taken away.
func (d *Daemon) Admit(yes bool) error {
	var keys []byte
	if yes {
		var err error
		if keys, err = os.ReadFile(d.Identity + ".pub"); err != nil {
			return err
		}
	}
	return os.WriteFile(d.allowed, keys, 0o600)
}

// Stop ends the daemon: the machine can't be reached any more.
func (d *Daemon) Stop() { d.stop() }

// YAML is the section ssh: of a node in a cluster file, with more keys of its own, in one line.
func (d *Daemon) YAML(more string) string {
	options := ""
	for i, o := range d.Options {
		if i > 0 {
			options += ", "
		}
		options += strconv.Quote(o)
	}
	return fmt.Sprintf("{host: %s, port: %d, identity: %s, options: [%s], %s}", strconv.Quote(d.Host), d.Port, strconv.Quote(d.Identity), options, more)
}
