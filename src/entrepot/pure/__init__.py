"""Business vocabulary without I/O: anything may import it, it imports nothing of ours."""
