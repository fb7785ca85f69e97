// Package gameday tells what a game day was: the page of its approval, and afterwards one
// file for those who pay and those who mend, with what was predicted beside what happened,
// and the same as JSON, also in the shape of Chaos Toolkit's journal.
package gameday
