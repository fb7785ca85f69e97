package restapi

import "slices"

// routeTable is every path that the simulator serves. An endpoint lists only methods
// that Elasticsearch has there, because a wrong one is answered with those that exist.
func routeTable() []*route {
	return slices.Concat([]*route{
		{on: []string{"GET /", "HEAD /"}, prepare: prepareRoot},
		{on: []string{"GET /_cat"}, prepare: prepareCatList},
	}, clusterRoutes(), catRoutes(), statsRoutes(), documentsRoutes())
}
