package journal

import (
	"fmt"
	"strings"
)

// Step is one action that undoes something; one of its fields is set.
type Step struct {
	// Proxy makes a proxy of toxiproxy whole: enabled, without toxics.
	Proxy *Proxy `json:"proxy,omitempty"`
	// Container lets a container of Docker's go on, or starts it again.
	Container *Container `json:"container,omitempty"`
	// Exec runs a command in a container.
	Exec *Exec `json:"exec,omitempty"`
	// Request sends an HTTP request.
	Request *Request `json:"request,omitempty"`
	// Continue lets a stopped process of this machine go on.
	Continue *Process `json:"continue,omitempty"`
	// Remove removes a file of this machine.
	Remove string `json:"remove,omitempty"`
	// Command runs a command on this machine.
	Command *Command `json:"command,omitempty"`
}

// Proxy is one of toxiproxy's, by the addresses of its API: the first that answers.
type Proxy struct {
	API  []string `json:"api"`
	Name string   `json:"name"`
	// Within is the process that has the proxy; with it gone nothing is left to undo.
	Within *Process `json:"within,omitempty"`
}

// Container is one of Docker's.
type Container struct {
	ID   string `json:"id"`
	Name string `json:"name"` // for people
}

// Exec is a command in a container.
type Exec struct {
	Container
	Command []string `json:"command"`
}

// Request is a call of an HTTP API, to the first address that takes it.
type Request struct {
	Method string            `json:"method"`
	URLs   []string          `json:"urls"`
	Body   string            `json:"body,omitempty"`
	Header map[string]string `json:"header,omitempty"`
}

// Process is one of this machine, told from a later one of the same number by when it was
// born, in the kernel's ticks; "": the system doesn't tell.
type Process struct {
	PID  int    `json:"pid"`
	Born string `json:"born,omitempty"`
}

// Command is words for this machine to run.
type Command struct {
	Words []string `json:"words"`
}

// String says what the step does.
func (s Step) String() string {
	switch {
	case s.Proxy != nil:
		return fmt.Sprintf("proxy %s whole", s.Proxy.Name)
	case s.Container != nil:
		return "container " + s.Container.Name + " running"
	case s.Exec != nil:
		return fmt.Sprintf("in container %s: %s", s.Exec.Name, strings.Join(s.Exec.Command, " "))
	case s.Request != nil:
		return fmt.Sprintf("%s %s %s", s.Request.Method, strings.Join(s.Request.URLs, " or "), s.Request.Body)
	case s.Continue != nil:
		return fmt.Sprintf("process %d goes on", s.Continue.PID)
	case s.Remove != "":
		return "remove " + s.Remove
	case s.Command != nil:
		return strings.Join(s.Command.Words, " ")
	}
	return "nothing"
}
