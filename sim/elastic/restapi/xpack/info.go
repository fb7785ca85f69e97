package xpack

import (
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

var categories = []string{"build", "license", "features"}

func prepareInfo(r *rest.Request) rest.Action {
	wanted := r.ListParam("categories")
	r.BoolParam("accept_enterprise", false)
	for _, c := range wanted {
		if !slices.Contains(categories, c) && c != "_all" && c != "_none" {
			rest.Raise(rest.IllegalArgument("No enum constant org.elasticsearch.protocol.xpack.XPackInfoRequest.Category.%s", strings.ToUpper(c)))
		}
	}
	wants := func(category string) bool {
		return len(wanted) == 0 || slices.Contains(wanted, "_all") || slices.Contains(wanted, category)
	}
	return func(c *rest.Call) *rest.Response {
		w := rest.NewWriter(c.Req.Human())
		w.Obj()
		if wants("build") {
			w.Object("build")
			w.Str("hash", rest.BuildHash)
			w.Str("date", rest.BuildDate)
			w.End()
		}
		if wants("license") {
			w.Object("license")
			w.Str("uid", licenseOf(c.Node.Applied()))
			w.Str("type", "basic")
			w.Str("mode", "basic")
			w.Str("status", "active")
			w.End()
		}
		if wants("features") {
			w.Object("features")
			for _, f := range features {
				w.Object(f.name)
				w.Bool("available", f.basic)
				w.Bool("enabled", f.here)
				w.End()
			}
			w.End()
		}
		if c.Req.Human() {
			w.Str("tagline", "You know, for X")
		}
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

// licenseOf is the id of the licence that a cluster has given itself, in the form of a UUID.
func licenseOf(st *state.State) string {
	const digits = "0123456789abcdef"
	id := make([]byte, 0, 36)
	for i := range 32 {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			id = append(id, '-')
		}
		at := byte(0)
		if n := len(st.ClusterUUID); n > 0 {
			at = st.ClusterUUID[i%n] >> (i / n % 4)
		}
		id = append(id, digits[at&15])
	}
	return string(id)
}

func prepareLicense(r *rest.Request) rest.Action {
	r.BoolParam("local", false)
	r.BoolParam("accept_enterprise", false)
	r.MasterTimeout()
	return func(c *rest.Call) *rest.Response {
		st := c.Node.Applied()
		w := rest.NewWriter(false)
		w.Obj()
		w.Object("license")
		w.Str("status", "active")
		w.Str("uid", licenseOf(st))
		w.Str("type", "basic")
		began := c.Cluster.Engine().Wall().Add(-c.Now())
		w.Str("issue_date", rest.IsoMillis(began))
		w.Int64("issue_date_in_millis", began.UnixMilli())
		w.Int("max_nodes", 1000)
		w.Null("max_resource_units")
		w.Str("issued_to", st.ClusterName)
		w.Str("issuer", "elasticsearch")
		w.Int("start_date_in_millis", -1)
		w.End()
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}
