// Package check decides whether what clients saw could have come from a store that
// keeps its promises.
//
// # Registers
//
// [Registers] checks each key's history for linearizability in O(n log n), by the zones
// of Gibbons and Korach (Testing Shared Memories, SIAM J. Comput. 26, 1997), for
// histories in which no value is written twice to a key. The write of a value and the
// reads that returned it form a cluster. Let f be the earliest end and s the latest
// start in a cluster. If f < s, the register must hold the value from f to s: a forward
// zone. Otherwise all operations overlap in [s, f], and the value may come and go
// within: a backward zone. The history is linearizable if and only if every read
// returned a value whose write did not start after the read ended, no two forward zones
// overlap, and no backward zone lies within a forward one.
//
// A write whose outcome isn't known may have taken effect at any time after its start,
// or never: if nobody read its value it is left out, otherwise its end is infinite. A
// write that was refused must not be read. The value before the first write is a
// missing key.
//
// # Compare-and-set
//
// [Swaps] checks keys that are only read and compared-and-set: each value names the one
// before it, so that the order of values is known and their moments follow.
//
// # Transactions
//
// [Transactions] checks lists that transactions read and append to, in the manner of Elle
// (Kingsbury and Alvaro, Elle: Inferring Isolation Anomalies from Experimental
// Observations, VLDB 2020). As a list tells in which order it was appended to, every read
// says which transactions came before it (wr) and which after (rw), and the lists say
// whose appends came before whose (ww); so do clocks, where one transaction ended before
// another began (rt). A cycle among these is a proof that the history isn't strictly
// serializable; it is named, and drawn as text and as a picture. Without a cycle, and
// without reads of what was aborted, intermediate or out of order, it is.
//
// [Bank] checks that transfers between accounts leave their sum as it was, in every audit.
//
// # Verdicts
//
// A verdict says how much it rests on: operations, keys, pairs that overlapped in time,
// failovers in between.
// Below the floors given it is Unknown instead of Pass.
package check
