// Package machine watches the machine that a real cluster shares with everything else, while a
// run goes on: how long tasks waited for a processor, the disk or memory (the kernel's pressure
// stall information), time stolen by a hypervisor, load, memory, what an operation took the
// disks, jumps of the wall clock, and pauses in which nothing ran at all.
//
// What a machine did may explain why something took too long, so it is told with the verdict,
// and a limit of time that was exceeded meanwhile is left undecided. Where the kernel tells a
// figure not, it is absent; on other systems than Linux clock and pauses remain.
package machine
