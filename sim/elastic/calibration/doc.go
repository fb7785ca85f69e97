// Package calibration holds what in the model depends on a machine rather than on
// Elasticsearch's rules: constants ([Constants]), the same for every scenario, and the files
// that they are kept in.
package calibration
