"""Writes of accounting."""
