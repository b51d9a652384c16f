"""Speed as ratios, measured side by side in one run: one comparison a file."""
