// Package exit is how a command ends: its exit codes and the errors that ask for one.
package exit
