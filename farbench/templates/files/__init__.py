"""One plugin a file, each whole and under test; `farbench new` writes them under another name."""
