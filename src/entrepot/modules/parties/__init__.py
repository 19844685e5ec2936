"""Organizations and people, in the roles of customer and supplier: one registry."""
