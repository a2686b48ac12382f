"""What is wrong with a server, and what mends it."""
