"""Notifications: what people should know, told once, to who can act on it, and forgotten in time."""
