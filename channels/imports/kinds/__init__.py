"""What is read from a row, counted and written, for each kind of import."""
