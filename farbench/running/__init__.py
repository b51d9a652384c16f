"""From a resolved benchmark to finished cells: plan, data, execution, progress."""
