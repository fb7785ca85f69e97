// Package control is the way in to a run that is being served: an HTTP interface by which
// its plan is read, faults strike and heal, and time stands, goes on or changes its pace;
// and the client of that interface for the shell.
package control
