"""Entrepot: one place where goods, orders and money meet."""

__version__ = "0.1.0"
