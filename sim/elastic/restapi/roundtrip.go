package restapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
)

// bulkBytes is the size from which a body travels as a transfer that shares the
// bandwidth of its links, instead of as one message.
const bulkBytes = 64 << 10

// headBytes is what a request line and headers weigh.
const headBytes = 300

// RoundTripper is the way of a viewer to the nodes, whose names are the hosts of its
// URLs. Requests must run in a process of the cluster's engine: it is found in their
// context. A dead node refuses, a reset link resets, a blackhole stays silent until
// the context ends.
func (a *API) RoundTripper(viewer string) http.RoundTripper {
	return &roundTripper{api: a, viewer: viewer}
}

type roundTripper struct {
	api    *API
	viewer string
}

// exchange is a request on its way, or being answered.
type exchange struct {
	viewer, node string
	broken       error
	over         bool
	arrived      *sim.Event         // what is being waited for on the network
	cancel       context.CancelFunc // ends the handler
}

// RoundTrip implements [http.RoundTripper].
func (t *roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	body, err := readBody(req)
	if err != nil {
		return nil, err
	}
	if _, ok := sim.Current(ctx); !ok {
		return nil, errOutside
	}
	host := req.URL.Hostname()
	node := t.api.cluster.Node(host)
	if node == nil {
		return nil, noSuchHost(host)
	}
	x := &exchange{viewer: t.viewer, node: host}
	t.api.begin(x)
	answer, err := t.exchange(ctx, x, node, asked{method: req.Method, uri: req.URL.RequestURI(), header: req.Header, body: body})
	if err != nil {
		t.api.end(x)
		return nil, err
	}
	return t.response(ctx, x, req, answer), nil
}

// asked is a request as it arrives at a node.
type asked struct {
	method, uri string
	header      http.Header
	body        []byte
	bare        bool // the headers of the answer are not asked for
}

// jsonBody are the headers of a request with a body of JSON.
var jsonBody = http.Header{"Content-Type": {jsonType}}

// Exchange is a RoundTrip with the reading of the whole answer, of a request with a body of
// JSON or none: the same goes over the same links at the same times and is answered alike, but
// nobody writes and reads a request and a response as package http has them.
func (t *roundTripper) Exchange(ctx context.Context, node, method, uri string, body []byte) (status int, answer []byte, err error) {
	got, err := t.whole(ctx, node, asked{method: method, uri: uri, header: jsonBody, body: body, bare: true})
	switch {
	case got == nil:
		return 0, nil, err
	case err != nil:
		return got.Status, nil, err
	case method == http.MethodHead:
		return got.Status, nil, nil
	}
	return got.Status, got.Body, nil
}

// whole brings a request to a node and the whole answer back. An answer that was lost on its way
// comes with the error.
func (t *roundTripper) whole(ctx context.Context, node string, q asked) (*Answer, error) {
	if _, ok := sim.Current(ctx); !ok {
		return nil, errOutside
	}
	n := t.api.cluster.Node(node)
	if n == nil {
		return nil, noSuchHost(node)
	}
	x := &exchange{viewer: t.viewer, node: node}
	t.api.begin(x)
	defer t.api.end(x)
	got, err := t.exchange(ctx, x, n, q)
	if err != nil {
		return nil, err
	}
	size := headBytes
	if q.method != http.MethodHead {
		size += len(got.Body)
	}
	return got, t.api.carry(ctx, x, node, t.viewer, size)
}

var errOutside = errors.New("restapi: request outside a process of the simulation")

func noSuchHost(host string) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
}

func readBody(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	var body []byte
	var err error
	if n := req.ContentLength; n > 0 && n < bulkBytes { // 0 may be unknown
		body = make([]byte, n)
		_, err = io.ReadFull(req.Body, body)
	} else {
		body, err = io.ReadAll(req.Body)
	}
	if closeErr := req.Body.Close(); err == nil {
		err = closeErr
	}
	return body, err
}

// exchange brings the request to the node and has it answered there.
func (t *roundTripper) exchange(ctx context.Context, x *exchange, node *elastic.Node, req asked) (*Answer, error) {
	if err := t.api.carry(ctx, x, t.viewer, node.Name(), headBytes+len(req.body)); err != nil {
		return nil, err
	}
	if !node.Serving() {
		return nil, dialError(syscall.ECONNREFUSED)
	}
	began := node.Incarnation()
	handling, cancel := t.api.cluster.Engine().WithCancel(ctx)
	defer cancel()
	x.cancel = cancel
	answer, err := t.handle(handling, node, req)
	x.cancel = nil
	switch {
	case x.broken != nil:
		return nil, x.broken
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case elastic.IsNodeGone(err), err == nil && node.Incarnation() != began:
		return nil, readError(syscall.ECONNRESET)
	case err != nil:
		return nil, err
	}
	return answer, nil
}

// handle answers on the node once it is awake.
func (t *roundTripper) handle(ctx context.Context, node *elastic.Node, req asked) (*Answer, error) {
	if err := node.AwaitAwake(ctx); err != nil {
		return nil, err
	}
	answer, err := t.api.do(ctx, node, req)
	if err != nil {
		return nil, err
	}
	return answer, node.AwaitAwake(ctx)
}

func (t *roundTripper) response(ctx context.Context, x *exchange, req *http.Request, answer *Answer) *http.Response {
	resp := &http.Response{
		StatusCode: answer.Status, Status: strconv.Itoa(answer.Status) + " " + http.StatusText(answer.Status),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: make(http.Header, len(answer.Headers)+1), Request: req,
		ContentLength: int64(len(answer.Body)),
	}
	for _, h := range answer.Headers {
		value, is := h.Value.(string)
		if !is {
			value = fmt.Sprint(h.Value)
		}
		resp.Header.Add(h.Name, value)
	}
	resp.Header.Set("Content-Length", strconv.Itoa(len(answer.Body)))
	content := answer.Body
	if req.Method == http.MethodHead {
		content = nil
	}
	resp.Body = &arrivingBody{t: t, ctx: ctx, x: x, content: content}
	return resp
}

// arrivingBody is an answer on its way: the first Read waits for it.
type arrivingBody struct {
	t       *roundTripper
	ctx     context.Context
	x       *exchange
	content []byte
	reader  *bytes.Reader
	err     error
}

// Read implements [io.Reader].
func (b *arrivingBody) Read(p []byte) (int, error) {
	if b.reader == nil && b.err == nil {
		b.err = b.t.api.carry(b.ctx, b.x, b.x.node, b.x.viewer, headBytes+len(b.content))
		b.reader = bytes.NewReader(b.content)
		b.t.api.end(b.x)
	}
	if b.err != nil {
		return 0, b.err
	}
	return b.reader.Read(p)
}

// Close implements [io.Closer].
func (b *arrivingBody) Close() error {
	b.t.api.end(b.x)
	return nil
}

// carry waits until bytes have gone from one end to the other.
func (a *API) carry(ctx context.Context, x *exchange, from, to string, bytes int) error {
	if x.broken != nil {
		return x.broken
	}
	ev := a.cluster.Engine().NewEvent()
	x.arrived = ev
	failed := func(err error) {
		if x.broken == nil && err != nil {
			x.broken = connectionError(err)
		}
		ev.Set()
	}
	if bytes >= bulkBytes {
		transfer := a.cluster.Network().Flow(from, to, int64(bytes), nil, 0, failed)
		defer transfer.Stop()
	} else {
		a.cluster.Network().SendOr(from, to, bytes, ev.Set, failed)
	}
	err := ev.Wait(ctx)
	x.arrived = nil
	if err != nil {
		return err
	}
	return x.broken
}

// connectionError gives a network error the form that net gives it.
func connectionError(err error) error {
	switch {
	case errors.Is(err, sim.ErrRefused):
		return dialError(syscall.ECONNREFUSED)
	case errors.Is(err, sim.ErrReset):
		return readError(syscall.ECONNRESET)
	}
	return &net.OpError{Op: "dial", Net: "tcp", Err: err}
}

func dialError(errno syscall.Errno) error { return &net.OpError{Op: "dial", Net: "tcp", Err: errno} }
func readError(errno syscall.Errno) error { return &net.OpError{Op: "read", Net: "tcp", Err: errno} }

func (a *API) begin(x *exchange) { a.exchanges = append(a.exchanges, x) }

func (a *API) end(x *exchange) {
	if x.over {
		return
	}
	x.over = true
	for i, o := range a.exchanges {
		if o == x {
			a.exchanges = append(a.exchanges[:i], a.exchanges[i+1:]...)
			return
		}
	}
}

// closed breaks what is under way between a viewer and a node whose connection closed.
func (a *API) closed(c sim.Closed) {
	for _, x := range a.exchanges {
		if x.viewer != c.At || x.node != c.Peer || x.broken != nil {
			continue
		}
		x.broken = readError(syscall.ECONNRESET)
		if x.arrived != nil {
			x.arrived.Set()
		}
		if x.cancel != nil {
			x.cancel()
		}
	}
}
