"""What tests of every module are made of: a world in either topology, a tenant per test, a clock one can set."""
