"""The engine. Contains no business word."""
