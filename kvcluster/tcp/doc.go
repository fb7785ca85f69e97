// Package tcp runs the key-value cluster's protocol over TCP: the links between nodes,
// the server that clients and other nodes connect to, and the clients' pool of
// connections.
//
// # Connections
//
// A connection begins with a handshake that says who calls whom and what for
// ([Purpose]); it is over when the caller has seen that the other one is the node it
// meant and has the cluster's key, and the other way round. The key itself isn't sent:
// each proves that it has it by a keyed hash over what both have said. What follows is
// neither encrypted nor signed: the key keeps strangers and mistakes out, a private
// network or a tunnel must keep eavesdroppers out. Without a key, a node listens on
// loopback addresses only.
//
// From node to node there is one connection per direction and purpose, so that a
// snapshot doesn't hold up a heartbeat. What a node sends to another goes over
// connections that it opened itself; answers come back over the other's. So cutting
// what A sends to B means to cut one set of connections. Frames follow each other as
// package wire defines them.
//
// From clients, each frame is preceded by the number of its call, and the answer by the
// same: a connection carries many calls at once, answered in any order.
//
// # Bounds
//
// Everything has a limit and a deadline: frames (wire.MaxFrame), what waits to be sent
// to a node ([Config.QueueBytes]; beyond it messages are dropped and counted, as the
// protocol expects of a network), calls that a connection has under way, connections,
// handshakes, the time that a frame may take to come and to go. Memory for a frame is
// taken as its bytes arrive, not by what its length claims.
//
// A node that can't be reached is dialled again after a pause that doubles from
// [Config.MinBackoff] to [Config.MaxBackoff]; what waits for it is thrown away at every
// failure, so that it isn't told old news when it is back.
package tcp
