"""The worlds of the kernel's tests serve the tests of its faults as well."""

from tests.kernel.conftest import ada, fresh, make_world, trial

__all__ = ["ada", "fresh", "make_world", "trial"]
