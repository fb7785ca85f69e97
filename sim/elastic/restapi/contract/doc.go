// Package contract is what clients can rely on in Elasticsearch's answers, as a table:
// requests in order, and the structure of what two real nodes answered to them (status,
// headers, the paths and kinds of JSON, the bodies of errors, the columns of tables).
//
// The simulator is held against it by the tests of package restapi, real nodes by those
// of package integration; so the two can't drift apart unnoticed. What the simulator is
// known to answer otherwise is listed with its reason (OfSimulator).
package contract
