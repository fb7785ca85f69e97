// Package given is what an allocator is given beside the state of the cluster: what the polls of
// disks and sizes told, the time, and what nodes answered about the copies they hold.
package given
