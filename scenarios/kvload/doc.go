// Package kvload is the clients of a key-value cluster in a scenario: what they write,
// read and transfer, and what they saw of it.
//
// All of them are clients as programs are (package client of kvcluster), on whatever
// clock and connections the backend has; so a simulated and a real run have the same load
// and leave the same [History].
//
// # Kinds of streams
//
// Registers are keys that clients overwrite and read, each write with a value of its own:
// ground for checking linearizability. Transfers move money between accounts in
// transactions, while audits read all of them. Lists are appended to and read in
// transactions: ground for checking serializability. Beside each stream tracers are
// written, keys that nobody overwrites, turn by turn in every range that the cluster
// began with. Each acknowledged one is looked for at the end, and the gaps between
// acknowledgements in a range are how long nobody could write there.
//
// # Keys
//
// Every key begins with k and four digits, which spread it over the shards: k0000 to
// k9999. The shards that a scenario describes begin at even distances.
package kvload
