// Package journal is the write-ahead record of what is in force on a real cluster: before
// anything is done to it, a line says what, and which steps undo it. The steps are
// complete in themselves, so that whoever has the file can undo what was begun, although
// the program that began it is gone.
//
// An entry is of a thing ("cut n1→n2", "process n2"), and a thing is begun once until it is
// undone: what other faults do to it meanwhile is undone by the same steps. What was begun
// may not have been done, and what was undone may not have been written down any more:
// every step does no harm where there is nothing to undo.
package journal
