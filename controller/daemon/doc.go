// Package daemon runs a controller on a real cluster: it reads the configuration from
// flags, environment and file, makes transport, clock, log and HTTP server, and looks
// after the process's life. Everything that decides is in package controller, which
// runs the same in virtual time.
package daemon
