package kvproc

// Built is the command under test, for tests that can't be in this package.
var Built = built
