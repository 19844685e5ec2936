"""A module for trials: things with an amount and a state, tags, and reactions that fail when told to."""
