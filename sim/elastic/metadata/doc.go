// Package metadata is what the master does to indices as a whole when it is asked to:
// create, delete and set them, aliases, templates, data streams, rollover, and the policies
// by which it ages them without being asked ([NewAgeing]).
package metadata
