package httpapi

import (
	_ "embed" // the page
	"net/http"
)

//go:embed page.html
var pageHTML string

// page serves the status page. It contains no figures: its script fetches them from
// /events, with the token that the reader gives.
func (s *Server) page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'")
	_, _ = w.Write([]byte(pageHTML))
}
