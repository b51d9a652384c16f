"""Where work is done: one item after the other in this process, or side by side in others."""
