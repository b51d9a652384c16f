"""From an index to batches: packing, geometry, augmentation, loading."""
