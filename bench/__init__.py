"""The product beside bare PostgreSQL, taken in one run. `python -m bench.run --help`."""
