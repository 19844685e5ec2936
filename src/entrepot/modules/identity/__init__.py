"""Who is who: tenants, their business entities, users, roles, API keys and sessions."""
