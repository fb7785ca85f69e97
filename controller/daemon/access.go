package daemon

import (
	"net/http"
)

// Access is a way into a cluster: its addresses and a transport that presents the
// credentials.
type Access struct {
	URLs      []string
	Transport http.RoundTripper
}

// Access is the way that the options describe.
func (o Options) Access() (Access, error) {
	t, err := transport(o)
	if err != nil {
		return Access{}, err
	}
	return Access{URLs: o.ES.list(), Transport: presenting{t, o}}, nil
}

// presenting adds the credentials to every request.
type presenting struct {
	next http.RoundTripper
	o    Options
}

// RoundTrip implements [http.RoundTripper].
func (p presenting) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	switch {
	case p.o.APIKey != "":
		req.Header.Set("Authorization", "APIKey "+p.o.APIKey)
	case p.o.User != "":
		req.SetBasicAuth(p.o.User, p.o.Password)
	}
	return p.next.RoundTrip(req)
}
