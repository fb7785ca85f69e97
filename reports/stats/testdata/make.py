#!/usr/bin/env python3
"""Writes scipy.json: what SciPy and statsmodels answer for the samples here. Needs both."""
import json
import pathlib

import numpy as np
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

rng = np.random.default_rng(20260101)
out = {"signed_rank": [], "sign": [], "u": [], "welch": [], "holm": [], "bh": [], "kendall": [], "theil": [], "skew": []}


def exact_signed_rank(d):
    """By going through all signs: exact with ties, too."""
    d = np.array([v for v in d if v != 0])
    ranks = stats.rankdata(np.abs(d))
    w = ranks[d > 0].sum()
    n = len(d)
    sums = np.array([sum(r for i, r in enumerate(ranks) if mask >> i & 1) for mask in range(2**n)])
    below, above = (sums <= w + 1e-9).mean(), (sums >= w - 1e-9).mean()
    return dict(less=below, greater=above, differs=min(1, 2 * min(below, above)))


for n in (5, 8, 16, 40):
    d = rng.normal(0.4, 1, n)
    out["signed_rank"].append(dict(d=d.tolist(), **{k: stats.wilcoxon(d, alternative=a, method="exact").pvalue for k, a in (("less", "less"), ("greater", "greater"), ("differs", "two-sided"))}))
for n in (6, 10, 12):
    d = rng.integers(-3, 5, n).astype(float)
    out["signed_rank"].append(dict(d=d.tolist(), **exact_signed_rank(d)))
d = rng.normal(0.1, 1, 400)
out["signed_rank_large"] = dict(d=d.tolist(), differs=stats.wilcoxon(d, method="approx", correction=True).pvalue)
for a, b in ((0, 0), (1, 9), (4, 4), (0, 8), (13, 30)):
    p = mcnemar([[0, a], [b, 0]], exact=True).pvalue if a + b else 1.0
    out["sign"].append(dict(a=a, b=b, p=float(p)))
for n, m in ((3, 4), (5, 5), (8, 12), (20, 25)):
    x, y = rng.normal(0, 1, n), rng.normal(0.7, 1.3, m)
    out["u"].append(dict(x=x.tolist(), y=y.tolist(), **{k: stats.mannwhitneyu(x, y, alternative=a, method="exact").pvalue for k, a in (("less", "less"), ("greater", "greater"), ("differs", "two-sided"))}))
    out["welch"].append(dict(x=x.tolist(), y=y.tolist(), p=stats.ttest_ind(x, y, equal_var=False).pvalue))
for n in (1, 4, 9):
    p = rng.uniform(0, 0.2, n)
    out["holm"].append(dict(p=p.tolist(), adjusted=multipletests(p, method="holm")[1].tolist()))
    out["bh"].append(dict(p=p.tolist(), adjusted=multipletests(p, method="fdr_bh")[1].tolist()))
for n in (10, 60):
    y = np.round(np.cumsum(rng.normal(0.02, 1, n)), 1)
    x = np.arange(n)
    s = sum(np.sign(y[j] - y[i]) for i in range(n) for j in range(i + 1, n))
    ties = np.unique(y, return_counts=True)[1]
    var = (n * (n - 1) * (2 * n + 5) - sum(t * (t - 1) * (2 * t + 5) for t in ties)) / 18
    out["kendall"].append(dict(y=y.tolist(), p=2 * stats.norm.sf((abs(s) - 1) / np.sqrt(var))))
    out["theil"].append(dict(y=y.tolist(), slope=stats.theilslopes(y, x).slope))
    out["skew"].append(dict(y=y.tolist(), skew=stats.skew(y)))
pathlib.Path(__file__).with_name("scipy.json").write_text(json.dumps(out, indent=1) + "\n")
