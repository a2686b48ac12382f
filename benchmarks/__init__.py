"""What ipy_gateway costs, as ratios against something named, in one run."""
