// Package mapping is the mapping of an index as JSON: merging one over another, as templates
// and updates do, looking fields up in it, and what a document adds to it by itself.
//
// A mapping is an object with "properties" and what may stand beside them. It is kept as
// compact JSON with sorted keys, so that equal mappings are equal texts.
package mapping
