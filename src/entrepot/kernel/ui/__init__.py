"""How screens are made: page declarations, templates, and the assets a browser loads."""
