package restapi

// routeTable is every path that the simulator serves.
var routeTable = []*route{}
