"""Keypoints to group rectangles, the mask network, scaling and caching."""
