// Package allocation decides where shard copies live, exactly as Elasticsearch
// 8.19.0 does: the same deciders, weights, sorts and iteration orders, so that
// the same state gives the same decisions, ties included.
//
// # Shape
//
// A [Service] is the master's allocator. Its methods take a published cluster
// state and return the next one; they never change their argument, and return it
// as it is when nothing changed. What the cluster state does not hold comes in
// an [Input]: disk usage and shard sizes as last polled, and the time.
//
// Inside, every call is a pass over a draft of the state's routing (package routing,
// below): nodes, indices, shards and copies under dense integer ids, in the iteration
// orders of Elasticsearch's own maps. Deciders and weights work on those; only copies
// that changed turn into new routing entries.
//
// # Two allocators
//
// cluster.routing.allocation.type chooses. "balanced" allocates, moves and
// rebalances within [Service.Reroute]. "desired_balance" splits the work:
// [Service.Reroute] only reconciles the cluster towards the desired balance
// computed before and notes that a new computation is wanted; [Service.Compute]
// does that computation (Elasticsearch runs it on another thread, so the caller
// decides when it ends); [Service.Reconcile] then applies its result.
//
// # Orders
//
// Ties are decided by the order in which Elasticsearch walks its hash tables. Of
// data nodes it is a java.util.HashMap over their ids, recomputed here. Of
// indices it is random per run in Elasticsearch; here it is the order of
// [state.RoutingTable.Indices], which the caller chooses.
package allocation
