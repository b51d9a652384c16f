"""The loggers that ship with farbench: modules with life-cycle hooks, loaded on request."""
