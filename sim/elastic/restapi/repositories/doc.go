// Package repositories are the endpoints of snapshot repositories and of what lies in them.
package repositories
