"""The modules of the house, one folder each, the same rooms in every one."""
