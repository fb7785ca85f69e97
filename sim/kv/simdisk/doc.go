// Package simdisk is the files of a simulated machine: what was synced survives a
// crash, what was not may be there, be lost or be torn.
//
// A crash treats each file that has bytes behind its last sync in one of three ways:
// all of them are lost; they end somewhere; or their sectors of 512 bytes, which a
// disk writes in any order, are there, zero or garbage each on its own account. A
// file that was never synced may be gone altogether. The stream given to [New]
// decides.
package simdisk
