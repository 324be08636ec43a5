"""Densities of samples."""

from parity.case_table import Table, integers, normal, positive, uniform, values

table = Table("density")
add = table.add

DENSITIES = (
    ("uniform", {"low": uniform(2, low=-2, high=0), "high": positive(2)}),
    ("normal", {"mu": normal(2), "sigma": positive(2)}),
    ("gamma", {"alpha": positive(2), "beta": positive(2)}),
    ("exponential", {"lam": positive(2)}),
    ("poisson", {"lam": positive(2)}),
    ("negative_binomial", {"k": values([3, 4]), "p": uniform(2, low=0.2, high=0.8)}),
    ("generalized_negative_binomial", {"mu": positive(2), "alpha": uniform(2, low=0.2, high=0.8)}),
)
for name, params in DENSITIES:
    whole = name.endswith(("poisson", "binomial"))
    for log in (False, True):
        sample = integers(0, 6, 2, 3) if whole else positive(2, 3)
        add(f"_random_pdf_{name}", {"is_log": log}, sample=sample, **params, rtol=2e-4, atol=2e-5)
    one = integers(0, 6, 2) if whole else positive(2)
    add(f"_random_pdf_{name}", {}, sample=one, **params, rtol=2e-4, atol=2e-5)
SIMPLEX = values([0.2, 0.5, 0.3, 0.6, 0.1, 0.3], 1, 2, 3)
for log in (False, True):
    add("_random_pdf_dirichlet", {"is_log": log}, sample=SIMPLEX, alpha=positive(1, 3), rtol=2e-4, atol=2e-5)
