"""One file per family of figures; each has `measure(run)` and returns nothing: it adds figures to the run."""
