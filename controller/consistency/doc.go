// Package consistency compares the copies of shards: do primary and replicas hold the
// same?
//
// A [Checker] goes through an index shard by shard. It compares documents, sequence
// numbers and checkpoints of the copies, and then their content: a digest over every
// document, read from each copy at a point in time of its own. Writes go on
// meanwhile, so a first difference proves nothing. What differs is looked at again:
//
//   - counts are compared only between copies that have processed exactly the same
//     operations;
//   - documents that differ are read again from every copy until they agree; they count
//     as different only when two looks find the same difference and their last
//     operation is below the global checkpoint, which every copy has processed.
//
// What could not be decided is reported as unknown, with the reason. A check costs the
// cluster one shard at a time, a page at a time, at a limited rate.
package consistency
