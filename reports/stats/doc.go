// Package stats holds the tests by which runs are compared, as far as gonum and
// go-moremath lack them: the exact signed-rank test with ties, sign tests, the
// bootstrap of the median, corrections for many tests, the split of the error over several
// looks, trends and change points. All of it is deterministic. testdata/scipy.json holds
// what SciPy and statsmodels answer; make.py there made it.
package stats
