// Package soak runs scenarios on processes again and again and keeps every verdict in a
// file, a line each with the revision that it was about. A soak that was interrupted goes on
// where it was: what the file has of the same revision, scenario, seed and load isn't run
// again. Nothing is ever repeated because of its verdict.
package soak
