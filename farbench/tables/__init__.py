"""One table model, many writers."""
