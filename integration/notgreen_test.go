package integration

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAnIndexThatDoesNotBecomeGreenIsNamed(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/mixed/_cluster/health", func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "indices", r.URL.Query().Get("level"))
		fmt.Fprint(w, `{"indices":{"b":{"status":"yellow"},"a":{"status":"green"},"c":{"status":"red"}}}`)
	})
	mux.HandleFunc("/well/_cluster/health", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"indices":{"a":{"status":"green"}}}`)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	rest := restOver(nil)
	assert.Equal(t, "b", notGreen(t.Context(), rest, server.URL+"/mixed"))
	assert.Empty(t, notGreen(t.Context(), rest, server.URL+"/well"))
	assert.Empty(t, notGreen(t.Context(), rest, server.URL+"/nobody"))
}
