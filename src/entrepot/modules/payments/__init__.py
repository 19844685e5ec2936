"""Money that comes in and goes back: tills, gateways, banks."""
