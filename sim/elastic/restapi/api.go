package restapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/restapi/usage"
)

// API answers REST requests on the nodes of one cluster.
type API struct {
	cluster *elastic.Cluster
	routes  *pathTrie
	cache   *rest.Cache
	// published are the addresses at which nodes are served on this machine, by name.
	published map[string]string
	// exchanges are the requests under way, in order of their beginning.
	exchanges []*exchange
}

// New makes the API of a cluster.
func New(cluster *elastic.Cluster) *API {
	a := &API{cluster: cluster, routes: wholeRoutes(), cache: rest.NewCache()}
	if cluster.Distribution() == elastic.MinimalDistribution {
		a.routes = minimalRoutes()
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
	return a.do(ctx, node, asked{method: method, uri: uri, header: header, body: body})
}

func (a *API) do(ctx context.Context, node *elastic.Node, q asked) (*Answer, error) {
	r, bad := rest.NewRequest(q.method, q.uri, q.header, q.body)
	r.Bare = q.bare
	if bad != nil {
		r.Params, r.Accept = map[string]string{}, nil
		return a.failure(r, bad), nil
	}
	if _, err := rest.DecodeComponent(r.RawPath, false); err != nil {
		return a.failure(r, rest.IllegalArgument("%s", err.Error())), nil
	}
	if answer := a.checkCommon(r); answer != nil {
		return answer, nil
	}
	c := &rest.Call{Cluster: a.cluster, Cache: a.cache, Published: a.published, Ctx: ctx, Node: node, Req: r}
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
func (a *API) checkCommon(r *rest.Request) (answer *Answer) {
	var err error
	func() {
		defer rest.Catch(&err)
		r.BoolParam("pretty", false)
		r.BoolParam("human", false)
		r.Param("filter_path")
	}()
	if err != nil {
		delete(r.Params, "pretty")
		delete(r.Params, "human")
		return a.failure(r, elastic.AsError(err))
	}
	func() {
		defer rest.Catch(&err)
		r.BoolParam("error_trace", false)
	}()
	if err != nil {
		delete(r.Params, "error_trace")
		return a.failure(r, &elastic.Error{Status: 400, Reason: elastic.AsError(err).Reason})
	}
	return nil
}

// dispatch tries the matching endpoints from the strictest on, as RestController does.
func (a *API) dispatch(c *rest.Call) (answer *Answer, err error) {
	r := c.Req
	if !slices.Contains(methods, r.Method) {
		return a.wrongMethod(r, "Unexpected http method: "+r.Method), nil
	}
	parts, named := split(r.RawPath), make([]part, 0, 4)
	for mode := explicitOnly; mode <= wildcardAny; mode++ {
		named = named[:0]
		e := a.routes.find(parts, mode, &named)
		if e == nil {
			continue
		}
		if route := e.route(r.Method); route != nil {
			for _, p := range named {
				r.Params[p.name] = p.value
			}
			return a.run(c, route)
		}
	}
	switch allowed := a.allowed(r.RawPath); {
	case len(allowed) == 0 || slices.Contains(allowed, r.Method):
	case r.Method == http.MethodOptions:
		return &Answer{Status: 200, Headers: []elastic.Field{
			{Name: "Allow", Value: strings.Join(allowed, ",")}, productHeader, {Name: "Content-Type", Value: textType},
		}}, nil
	default:
		return a.wrongMethod(r, fmt.Sprintf("Incorrect HTTP method for uri [%s] and method [%s]", r.URI, r.Method)), nil
	}
	if r.Method == http.MethodOptions {
		return &Answer{Status: 200, Headers: []elastic.Field{productHeader, {Name: "Content-Type", Value: textType}}}, nil
	}
	w := rest.NewWriter(false)
	w.Obj()
	w.Str("error", fmt.Sprintf("no handler found for uri [%s] and method [%s]", r.URI, r.Method))
	w.End()
	return a.finish(r, &rest.Response{Status: 400, JSON: w.Bytes()}, false), nil
}

func (a *API) allowed(path string) []string {
	found, parts := map[string]bool{}, split(path)
	for mode := explicitOnly; mode <= wildcardAny; mode++ {
		if e := a.routes.find(parts, mode, nil); e != nil {
			for _, m := range e.methods {
				found[m.method] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(methods), func(m string) bool { return !found[m] })
}

func (a *API) wrongMethod(r *rest.Request, message string) *Answer {
	allowed := a.allowed(r.RawPath)
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
func (a *API) run(c *rest.Call, at *methodRoute) (answer *Answer, err error) {
	route := at.route
	defer func() {
		switch r := recover().(type) {
		case nil:
		case rest.Raised:
			err = r.Err
		case rest.Gone:
			err = r.Err
		default:
			panic(r)
		}
	}()
	r := c.Req
	if bad := r.CheckContentType(route.Bulk); bad != nil {
		rest.Raise(bad)
	}
	r.Param("error_trace")
	resolveDates(c)
	act := route.Prepare(r)
	if bad := r.Unconsumed(route.Rendering); bad != nil {
		rest.Raise(bad)
	}
	if len(r.Body) > 0 && !r.BodyRead {
		rest.Raise(rest.IllegalArgument("request [%s %s] does not support having a body", r.Method, r.Path()))
	}
	usage.Count(c.Node, at.name)
	return a.finish(r, act(c), true), nil
}

// resolveDates replaces date math in the names of indices in the path.
func resolveDates(c *rest.Call) {
	names := c.Req.Params["index"]
	if !strings.Contains(names, "<") {
		return
	}
	list := strings.Split(names, ",")
	for i, name := range list {
		list[i] = rest.DateMath(name, c.Wall())
	}
	c.Req.Params["index"] = strings.Join(list, ",")
}

const (
	textType = "text/plain; charset=UTF-8"
	jsonType = "application/json"
)

var productHeader = elastic.Field{Name: "X-elastic-product", Value: "Elasticsearch"}

// failure is the answer for an error; without a type it is the short form.
func (a *API) failure(r *rest.Request, e *elastic.Error) *Answer {
	w := rest.NewWriter(false)
	if e.Type == "" && e.RootCause == nil {
		w.Obj()
		w.Str("error", e.Reason)
		w.Int("status", e.Status)
		w.End()
	} else {
		trace := false
		if v, ok := r.Params["error_trace"]; ok {
			trace = v == "" || v == "true"
		}
		rest.WriteError(w, e, trace)
	}
	answer := a.finish(r, &rest.Response{Status: e.Status, JSON: w.Bytes()}, false)
	if e.Type == "cluster_block_exception" && strings.HasPrefix(e.Reason, "index [") {
		// These are thrown where a node has forgotten that it was to name the product.
		answer.Headers = slices.DeleteFunc(answer.Headers, func(h elastic.Field) bool { return h == productHeader })
	}
	answer.Headers = append(slices.Clone(e.Headers), answer.Headers...)
	return answer
}

// finish applies filter_path (not to errors), pretty and the format.
func (a *API) finish(r *rest.Request, resp *rest.Response, filter bool) *Answer {
	answer := &Answer{Status: resp.Status}
	if answer.Status == 0 {
		answer.Status = 200
	}
	if !r.Bare {
		headers := append(make([]elastic.Field, 0, len(resp.Headers)+2), resp.Headers...) // two more come
		answer.Headers = append(headers, productHeader)
	}
	if resp.Text != nil || resp.JSON == nil {
		answer.Body = resp.Text
		answer.label(r, textType)
		return answer
	}
	format, contentType := r.ResponseFormat()
	body := resp.JSON
	var err error
	if expression := r.Param("filter_path"); filter && expression != "" {
		if body, err = rest.FilterPath(body, expression); err != nil {
			panic("restapi: own answer does not parse: " + err.Error())
		}
	}
	pretty, ok := r.Params["pretty"]
	switch {
	case format == rest.YAMLFormat:
		if body, err = rest.ToYAML(body); err != nil {
			panic("restapi: own answer does not parse: " + err.Error())
		}
	case ok && (pretty == "" || pretty == "true"):
		body = rest.PrettyPrint(body)
	}
	answer.Body = body
	answer.label(r, contentType)
	return answer
}

// label says what the body is, if anybody wants to know.
func (a *Answer) label(r *rest.Request, contentType string) {
	if !r.Bare {
		a.Headers = append(a.Headers, elastic.Field{Name: "Content-Type", Value: contentType})
	}
}
