"""What is wrong with this machine: one check a file, each in seconds and without changes."""
