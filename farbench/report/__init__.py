"""One page with everything that a benchmark's results say: tables, figures, a card a cell."""
