"""Numbers quoted from papers, beside measured ones."""
