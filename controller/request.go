package controller

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
)

// request is one call of Elasticsearch's REST API as a value: every attempt sends it anew.
//
// It is what the request types of go-elasticsearch's esapi build; a test holds the two
// against each other, byte for byte. That package isn't linked, because compiling it and
// what it stands beside took half of the time that a first build takes.
type request struct {
	method string
	path   []string
	query  url.Values
	body   []byte // nil: none
}

func newRequest(method string, path []string) request {
	return request{method: method, path: slices.DeleteFunc(path, func(segment string) bool { return segment == "" })}
}

// get, post, put and remove begin a request. Empty segments of the path are left out.
func get(path ...string) request    { return newRequest(http.MethodGet, path) }
func post(path ...string) request   { return newRequest(http.MethodPost, path) }
func put(path ...string) request    { return newRequest(http.MethodPut, path) }
func remove(path ...string) request { return newRequest(http.MethodDelete, path) }

// with adds parameters, names and values in turn.
func (r request) with(pairs ...string) request {
	query := maps.Clone(r.query)
	if query == nil {
		query = url.Values{}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		query.Set(pairs[i], pairs[i+1])
	}
	r.query = query
	return r
}

// list adds a parameter that is a list.
func (r request) list(name string, values ...string) request {
	return r.with(name, strings.Join(values, ","))
}

// json gives the request a body.
func (r request) json(body []byte) request {
	r.body = body
	return r
}

// build makes the HTTP request, without the node that it goes to.
func (r request) build(ctx context.Context) (*http.Request, error) {
	for _, segment := range r.path {
		// A slash would make another call of it.
		if strings.Contains(segment, "/") {
			return nil, fmt.Errorf("%q can't be part of a path", segment)
		}
	}
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	u := url.URL{Scheme: "http", Path: "/" + strings.Join(r.path, "/"), RawQuery: r.query.Encode()}
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// endpoint is go-elasticsearch's transport for one node. One for several nodes would
// revive dead ones with timers of its own.
type endpoint struct {
	name      string
	transport *elastictransport.Client
}

func newEndpoint(e Endpoint, cfg ClientConfig) (endpoint, error) {
	u, err := url.Parse(strings.TrimRight(e.URL, "/"))
	if err != nil {
		return endpoint{}, errors.New("no URL") // the error would show a password
	}
	transport, err := elastictransport.New(elastictransport.Config{
		UserAgent: userAgent,
		URLs:      []*url.URL{u},
		APIKey:    cfg.APIKey, Username: cfg.Username, Password: cfg.Password,
		Transport:    cfg.Transport,
		DisableRetry: true,
	})
	if err != nil {
		return endpoint{}, err
	}
	name := e.Name
	if name == "" {
		name = e.redacted()
	}
	return endpoint{name, transport}, nil
}

const userAgent = "shardquake (elastic-transport-go/8)"

// errNotElasticsearch is what go-elasticsearch says of a server that doesn't name itself.
var errNotElasticsearch = errors.New("the client noticed that the server is not Elasticsearch and we do not support this unknown product")

// send makes one attempt at one endpoint. The body of the answer is to be read and closed.
func (e endpoint) send(ctx context.Context, r request) (*http.Response, error) {
	req, err := r.build(ctx)
	if err != nil {
		return nil, err
	}
	res, err := e.transport.Perform(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= 200 && res.StatusCode < 300 && res.Header.Get("X-Elastic-Product") != "Elasticsearch" {
		return nil, errors.Join(errNotElasticsearch, res.Body.Close())
	}
	return res, nil
}
