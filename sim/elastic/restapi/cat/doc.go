// Package cat holds the REST endpoints under _cat: tables of what the other rooms tell.
package cat
