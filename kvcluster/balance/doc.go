// Package balance chooses nodes for requests: the load balancer of the key-value
// cluster.
//
// A [Balancer] knows nodes, how much each can take, how many requests each has in
// hand, and how its last health checks went. Time is an argument of its methods, so
// that it runs alike in virtual and in real time; whoever shares one among processes
// locks around it.
//
// # Strategies
//
// Round robin and weighted round robin are one algorithm, the smooth one of nginx:
// every node gains its weight at each choice, the one with most is chosen and pays
// the sum of all weights. Over a full cycle each node is chosen exactly in proportion
// to its weight, and choices of a heavy node are spread out instead of bunched.
//
// Least connections takes the node with the fewest requests in hand for its weight
// (and, among equals, the one that smooth round robin would take).
//
// Consistent hash takes the first node on the key's walk around the ring that has
// less than its bound: BoundPercent of its share of all requests in hand, this one
// included (Mirrokni, Thorup and Zadimoghaddam, Consistent Hashing with Bounded
// Loads, 2018). A hot key spills to the next node instead of drowning its own.
//
// # Health
//
// FailureThreshold failures in a row isolate a node: it is no longer chosen.
// RecoveryThreshold successful checks in a row bring it back, at a tenth of its
// weight, growing in a straight line to the whole in RampUp. A reported load above
// zero lowers the weight too: at 100 % it is down to a tenth.
package balance
