package restapi

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
)

// API answers REST requests on the nodes of one cluster.
type API struct {
	cluster *elastic.Cluster
	routes  *pathTrie
	cache   *cache
	// exchanges are the requests under way, in order of their beginning.
	exchanges []*exchange
}

// New makes the API of a cluster.
func New(cluster *elastic.Cluster) *API {
	a := &API{cluster: cluster, routes: newTrie(), cache: newCache()}
	for _, r := range routeTable() {
		for _, on := range r.on {
			method, pattern, _ := strings.Cut(on, " ")
			a.routes.insert(pattern, method, r)
		}
	}
	cluster.Network().OnClosed(a.closed)
	return a
}

// Answer is a finished HTTP answer.
type Answer struct {
	Status  int
	Headers []elastic.Field
	Body    []byte
}

// methods in the order in which Elasticsearch lists them.
var methods = []string{
	http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodHead,
	http.MethodPatch, http.MethodTrace, http.MethodConnect,
}

// Do answers a request as the node would, in the process of ctx. The error is only
// that of the connection: the node died meanwhile, or ctx ended.
func (a *API) Do(ctx context.Context, node *elastic.Node, method, uri string, header http.Header, body []byte) (*Answer, error) {
	r, bad := newRequest(method, uri, header, body)
	if bad != nil {
		r.params, r.accept = map[string]string{}, nil
		return a.failure(r, bad), nil
	}
	if answer := a.checkCommon(r); answer != nil {
		return answer, nil
	}
	c := &call{cluster: a.cluster, cache: a.cache, ctx: ctx, node: node, req: r}
	answer, err := a.dispatch(c)
	if err == nil {
		return answer, nil
	}
	if elastic.IsNodeGone(err) || ctx.Err() != nil {
		return nil, err
	}
	return a.failure(r, elastic.AsError(err)), nil
}

// checkCommon reads the parameters common to all requests.
func (a *API) checkCommon(r *request) (answer *Answer) {
	var err error
	func() {
		defer catch(&err)
		r.boolParam("pretty", false)
		r.boolParam("human", false)
		r.param("filter_path")
	}()
	if err != nil {
		delete(r.params, "pretty")
		delete(r.params, "human")
		return a.failure(r, elastic.AsError(err))
	}
	func() {
		defer catch(&err)
		r.boolParam("error_trace", false)
	}()
	if err != nil {
		delete(r.params, "error_trace")
		return a.failure(r, &elastic.Error{Status: 400, Reason: elastic.AsError(err).Reason})
	}
	return nil
}

// dispatch tries the matching endpoints from the strictest on, as RestController does.
func (a *API) dispatch(c *call) (answer *Answer, err error) {
	r := c.req
	original := r.params
	if !slices.Contains(methods, r.method) {
		return a.wrongMethod(r, "Unexpected http method: "+r.method), nil
	}
	for mode := explicitOnly; mode <= wildcardAny; mode++ {
		r.params = maps.Clone(original)
		e := a.routes.retrieve(r.rawPath, mode, func(name, value string) { r.params[name] = value })
		if e != nil {
			if route := e.route(r.method); route != nil {
				return a.run(c, route)
			}
		}
		allowed := a.allowed(r.rawPath)
		switch {
		case len(allowed) == 0 || slices.Contains(allowed, r.method):
		case r.method == http.MethodOptions:
			return &Answer{Status: 200, Headers: []elastic.Field{
				{Name: "Allow", Value: strings.Join(allowed, ",")}, productHeader, {Name: "Content-Type", Value: textType},
			}}, nil
		default:
			return a.wrongMethod(r, fmt.Sprintf("Incorrect HTTP method for uri [%s] and method [%s]", r.uri, r.method)), nil
		}
	}
	if r.method == http.MethodOptions {
		return &Answer{Status: 200, Headers: []elastic.Field{productHeader, {Name: "Content-Type", Value: textType}}}, nil
	}
	w := newJSON(false)
	w.obj()
	w.str("error", fmt.Sprintf("no handler found for uri [%s] and method [%s]", r.uri, r.method))
	w.end()
	return a.finish(r, &response{status: 400, json: w.bytes()}, false), nil
}

func (a *API) allowed(path string) []string {
	found := map[string]bool{}
	for mode := explicitOnly; mode <= wildcardAny; mode++ {
		if e := a.routes.retrieve(path, mode, nil); e != nil {
			for _, m := range e.methods {
				found[m.method] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(methods), func(m string) bool { return !found[m] })
}

func (a *API) wrongMethod(r *request, message string) *Answer {
	allowed := a.allowed(r.rawPath)
	if len(allowed) > 0 {
		message += ", allowed: [" + strings.Join(allowed, ", ") + "]"
	}
	answer := a.failure(r, &elastic.Error{Status: 405, Reason: message})
	if len(allowed) > 0 {
		answer.Headers = append([]elastic.Field{{Name: "Allow", Value: strings.Join(allowed, ",")}}, answer.Headers...)
	}
	return answer
}

// run is BaseRestHandler.handleRequest: prepare, account for parameters and body, act.
func (a *API) run(c *call, route *route) (answer *Answer, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case raised:
			err = r.err
		case gone:
			err = r.err
		default:
			panic(r)
		}
	}()
	r := c.req
	if bad := r.checkContentType(route.bulk); bad != nil {
		raise(bad)
	}
	r.param("error_trace")
	act := route.prepare(r)
	if bad := r.unconsumed(route.rendering); bad != nil {
		raise(bad)
	}
	if len(r.body) > 0 && !r.bodyRead {
		raise(illegalArgument("request [%s %s] does not support having a body", r.method, r.path()))
	}
	return a.finish(r, act(c), true), nil
}

const (
	textType = "text/plain; charset=UTF-8"
	jsonType = "application/json"
)

var productHeader = elastic.Field{Name: "X-elastic-product", Value: "Elasticsearch"}

// failure is the answer for an error; without a type it is the short form.
func (a *API) failure(r *request, e *elastic.Error) *Answer {
	w := newJSON(false)
	if e.Type == "" && e.RootCause == nil {
		w.obj()
		w.str("error", e.Reason)
		w.int("status", e.Status)
		w.end()
	} else {
		trace := false
		if v, ok := r.params["error_trace"]; ok {
			trace = v == "" || v == "true"
		}
		writeError(w, e, trace)
	}
	answer := a.finish(r, &response{status: e.Status, json: w.bytes()}, false)
	answer.Headers = append(slices.Clone(e.Headers), answer.Headers...)
	return answer
}

// finish applies filter_path (not to errors), pretty and the format.
func (a *API) finish(r *request, resp *response, filter bool) *Answer {
	answer := &Answer{Status: resp.status, Headers: append(slices.Clone(resp.headers), productHeader)}
	if answer.Status == 0 {
		answer.Status = 200
	}
	if resp.text != nil || resp.json == nil {
		answer.Body = resp.text
		answer.Headers = append(answer.Headers, elastic.Field{Name: "Content-Type", Value: textType})
		return answer
	}
	format, contentType := r.responseFormat()
	body := resp.json
	var err error
	if expression := r.param("filter_path"); filter && expression != "" {
		if body, err = filterPath(body, expression); err != nil {
			panic("restapi: own answer does not parse: " + err.Error())
		}
	}
	pretty, ok := r.params["pretty"]
	switch {
	case format == yamlFormat:
		if body, err = toYAML(body); err != nil {
			panic("restapi: own answer does not parse: " + err.Error())
		}
	case ok && (pretty == "" || pretty == "true"):
		body = prettyPrint(body)
	}
	answer.Body = body
	answer.Headers = append(answer.Headers, elastic.Field{Name: "Content-Type", Value: contentType})
	return answer
}
