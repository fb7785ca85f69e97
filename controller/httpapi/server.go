package httpapi

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/consistency"
	"github.com/shardquake/shardquake/controller/recovery"
	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/internal/source"
)

// Config configures the API. Zero values mean the defaults.
type Config struct {
	Controller *controller.Controller
	Clock      clock.Clock
	// Consistency and Recovery are served too, where they are there.
	Consistency *consistency.Checker
	Recovery    *recovery.Manager
	// Background is the life of what goes on after a request was answered. Default: that
	// of the process.
	Background context.Context
	// Token is what requests must bring as "Authorization: Bearer TOKEN"; "" means that
	// only requests to a loopback host are answered.
	Token string
	// Timeout limits a request, except the stream of events. Default 30 s.
	Timeout time.Duration
	// MaxBody limits the body of a request in bytes. Default 64 KiB.
	MaxBody int64
	// EventInterval is the time between two looks for something to tell listeners.
	// Default 500 ms.
	EventInterval time.Duration
}

// Server answers requests. It is an http.Handler.
type Server struct {
	cfg     Config
	mux     *http.ServeMux
	routes  []route
	openAPI []byte
	metrics http.Handler
}

// New makes a server.
func New(cfg Config) (*Server, error) {
	if cfg.Controller == nil || cfg.Clock == nil {
		return nil, errors.New("http api: needs a controller and a clock")
	}
	if cfg.Background == nil {
		cfg.Background = context.Background()
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = 64 << 10
	}
	if cfg.EventInterval == 0 {
		cfg.EventInterval = 500 * time.Millisecond // a change shows within a second
	}
	s := &Server{cfg: cfg, mux: http.NewServeMux(), metrics: metricsHandler(cfg)}
	s.routes = slices.Concat(s.table(), s.consistencyTable(), s.recoveryTable())
	var err error
	if s.openAPI, err = describe(s.routes, cfg.Token != ""); err != nil {
		return nil, err
	}
	for _, path := range paths(s.routes) {
		s.mux.Handle(pattern(path), s.dispatch(path))
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		// Everything begins with the root.
		others := slices.DeleteFunc(paths(s.routes), func(path string) bool { return path == "/" })
		err := withNearest(errors.New("no such path: "+r.URL.Path), r.URL.Path, others)
		writeError(w, http.StatusNotFound, "not_found", err.Error())
	})
	return s, nil
}

// pattern is the path as the mux wants it: the root is only the root.
func pattern(path string) string {
	if path == "/" {
		return "/{$}"
	}
	return path
}

func paths(routes []route) []string {
	var out []string
	for _, r := range routes {
		if !slices.Contains(out, r.path) {
			out = append(out, r.path)
		}
	}
	return out
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	r.Body = http.MaxBytesReader(w, r.Body, s.cfg.MaxBody)
	s.mux.ServeHTTP(w, r)
}

// dispatch finds the handler for a path by the method, after the checks that all
// requests must pass.
func (s *Server) dispatch(path string) http.Handler {
	var allowed []string
	for _, rt := range s.routes {
		if rt.path == path {
			allowed = append(allowed, rt.method)
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, rt := range s.routes {
			if rt.path != path || !rt.serves(r.Method) {
				continue
			}
			if status, kind, reason := s.refuse(rt, r); status != 0 {
				if status == http.StatusUnauthorized {
					w.Header().Set("WWW-Authenticate", `Bearer realm="shardquake"`)
				}
				writeError(w, status, kind, reason)
				return
			}
			s.serve(rt, w, r)
			return
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		writeError(w, http.StatusMethodNotAllowed, "method_not_allowed", fmt.Sprintf("%s doesn't take %s; it takes %s", path, r.Method, strings.Join(allowed, ", ")))
	})
}

// serve calls a handler within the time limit.
func (s *Server) serve(rt route, w http.ResponseWriter, r *http.Request) {
	if !rt.endless {
		ctx, cancel := s.cfg.Clock.WithTimeout(r.Context(), s.cfg.Timeout)
		defer cancel()
		r = r.WithContext(ctx)
	}
	rt.handle(w, r)
}

// refuse decides whether a request may pass; status 0 says yes.
func (s *Server) refuse(rt route, r *http.Request) (status int, kind, reason string) {
	switch {
	case s.cfg.Token == "" && !loopback(r.Host):
		return http.StatusForbidden, "forbidden", "without a token only a loopback host is answered, not " + r.Host
	case s.cfg.Token != "" && !rt.open && !s.authorized(r):
		return http.StatusUnauthorized, "unauthorized", "wants Authorization: Bearer TOKEN"
	case rt.method == http.MethodPost && !isJSON(r.Header.Get("Content-Type")):
		return http.StatusUnsupportedMediaType, "unsupported_media_type", "wants Content-Type: application/json"
	}
	if err := rt.checkQuery(r.URL.RawQuery); err != nil {
		return http.StatusBadRequest, "bad_request", err.Error()
	}
	return 0, "", ""
}

// checkQuery finds query parameters that would be ignored. What probes and browsers ask for
// takes whatever they add.
func (rt route) checkQuery(raw string) error {
	if rt.answer == nil || rt.open {
		return nil
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	var known []string
	for _, q := range rt.query {
		known = append(known, q.name)
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !slices.Contains(known, name) {
			return errors.New(source.Unknown("query parameter", name, known))
		}
	}
	return nil
}

func (s *Server) authorized(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && subtle.ConstantTimeCompare([]byte(token), []byte(s.cfg.Token)) == 1
}

// loopback reports whether a request's host is this machine's loopback address.
func loopback(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

func isJSON(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(media), "application/json")
}

// failure is the form of every error.
type failure struct {
	Error  failureDetail `json:"error"`
	Status int           `json:"status"`
}

type failureDetail struct {
	Type   string `json:"type"`
	Reason string `json:"reason"`
}

func writeError(w http.ResponseWriter, status int, kind, reason string) {
	writeJSON(w, status, failure{failureDetail{kind, reason}, status})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the caller has gone when this fails
}

// writeFailure answers with an error of the controller.
func writeFailure(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, controller.ErrNoSuchIndex):
		writeError(w, http.StatusNotFound, "index_not_found", err.Error())
	case errors.Is(err, consistency.ErrBusy):
		writeError(w, http.StatusConflict, "busy", err.Error())
	case errors.Is(err, errUnseen):
		writeError(w, http.StatusServiceUnavailable, "not_yet", err.Error())
	case errors.Is(err, controller.ErrNotRunning):
		writeError(w, http.StatusConflict, "not_running", err.Error())
	case errors.Is(err, context.DeadlineExceeded):
		writeError(w, http.StatusGatewayTimeout, "timeout", err.Error())
	default:
		writeError(w, http.StatusBadGateway, "elasticsearch_failed", err.Error())
	}
}
