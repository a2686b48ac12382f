"""What several tests use: real servers, real kernels, word error rates."""
