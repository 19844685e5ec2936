"""Rules of orders: their life, what a sale costs, and what a mapping of foreign sales may say."""
