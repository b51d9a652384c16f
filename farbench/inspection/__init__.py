"""What a data set holds before anything is trained on it: is it sound, and what is in it."""
