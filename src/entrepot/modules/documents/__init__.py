"""Files of every kind of object: stored, attached, made as PDF, opened by signed links."""
