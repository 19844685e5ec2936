"""Rules of identity: what opens a door, and what a passkey proves."""
