// Package live serves pages of clusters at work: a stream of server-sent events feeds the
// parts of package page (health, map, timeline, log, decisions) in every browser that looks,
// and late ones are told first what they missed.
package live
