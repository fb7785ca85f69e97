// Package losses shows what a plan found out: for a terminal, as Markdown, JUnit and JSON,
// and as one page with the losses as a map.
package losses
