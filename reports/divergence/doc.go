// Package divergence finds where two runs part, and says in words what they did from there:
// of event streams ([Find], for two runs that should be one) and of traces ([Of], for the
// same seed under two circumstances). [Tell] retells one run: who knew what when.
package divergence
