// Command testrun runs the module's tests and says plainly how they went:
//
//	go run ./internal/testrun [-short] [-race] [-timeout 30m] [packages]
//
// It is go test with four things added. Packages that start containers or
// processes run one after the other, after all the rest: on a small machine they
// would otherwise starve each other and miss deadlines in real time. Tests that
// were skipped are listed with their reasons, and in capitals when the reason is
// that containers can't be had. Tests that draw their cases draw the same ones each
// time, unless RAPID_SEED names another seed (0: new ones each time, as plain go
// test does). And the last line is always
//
//	N passed, N failed, N skipped
//
// where a test with subtests counts as its subtests, and a package that doesn't
// build, panics or runs out of time counts as one failure. The exit status is 0
// when nothing failed, 1 when something did, and 2 when go test couldn't be run.
//
// gotestsum, which is kept and does more, was looked at: it runs go test once, so packages with
// containers can't be kept for the end; its count has tests with subtests beside these; and
// reasons of skips are not among what it sums up.
//
// With SHARDQUAKE_REQUIRE_DOCKER=1 a test that is skipped for want of Docker
// counts as failed.
package main
