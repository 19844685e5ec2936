"""What is sold: products, their variants, prices and categories."""
