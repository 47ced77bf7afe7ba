"""What becomes of a failing case: it is shrunk, and kept as a file that replays."""
