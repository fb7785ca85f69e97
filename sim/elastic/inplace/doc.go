// Package inplace makes a cluster what it is said to be, without the work of becoming so:
// indices whose copies are there at once ([CreateStarted]), documents in them ([Fill]), and
// a whole imported cluster in the middle of its life ([Start]).
package inplace
