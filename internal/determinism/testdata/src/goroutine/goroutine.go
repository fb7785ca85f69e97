package goroutine

import (
	"net"
	"net/http"
	"os/exec"
	"os/signal"
	"sync"

	"golang.org/x/sync/errgroup"
)

type clock interface {
	Go(name string, f func())
}

func broken(f func(), wg *sync.WaitGroup, server *http.Server) { // want `sync.WaitGroup: wait with the clock's Event, Group or Mutex \(sync: `
	go f()               // want `go statement: start a process with the clock's Go, AfterFunc or Group \(goroutine: `
	wg.Go(f)             // want `sync.WaitGroup.Go: .*goroutine`
	var g errgroup.Group // want `errgroup.Group: .*goroutine`
	g.Go(nil)
	signal.Notify(nil)         // want `signal.Notify: .*goroutine`
	_ = exec.Command("true")   // want `exec.Command: .*goroutine`
	http.Get("http://n1")      // want `http.Get: .*goroutine`
	_ = http.DefaultClient     // want `http.DefaultClient: .*goroutine`
	server.ListenAndServe()    // want `http.Server.ListenAndServe: .*goroutine`
	net.Dial("tcp", "n1:9300") // want `net.Dial: .*goroutine`
}

func kept(c clock, f func(), transport http.RoundTripper) (*http.Response, error) {
	c.Go("n1", f)
	return transport.RoundTrip(&http.Request{Method: http.MethodGet})
}
