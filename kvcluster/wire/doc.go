// Package wire is the binary protocol of the key-value cluster: what nodes say to
// each other and to clients, in the simulator as over TCP.
//
// # Frames
//
//	length   4 bytes, little endian: of everything after it, at most MaxFrame
//	checksum 4 bytes: CRC-32C of everything after it
//	version  1 byte
//	kind     1 byte: which message
//	body     of that kind
//
// [Append] adds the frame of a message to a buffer, [Decode] takes one from the front
// of another. A frame that is too long, of another version, of an unknown kind, whose
// checksum is wrong, whose body ends early, goes on too long or exceeds a limit is
// refused with an error that says which; after an error the connection is of no use,
// because the next frame's beginning isn't known.
//
// # Bodies
//
// Integers are unsigned varints in their shortest form, strings and byte slices are
// preceded by their length, lists by their number of elements, which is compared with
// what the rest of the frame can hold before anything is allocated. So there is
// exactly one encoding for each message: encoding what was decoded gives the same
// bytes, which the fuzz test holds every input to.
//
// # Changing the protocol
//
// A change to any body is a new Version. A node speaks one version; a peer of another
// gets [ErrVersion].
package wire
