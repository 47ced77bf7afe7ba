"""Where an answer is judged: one case, one target, promise by promise."""
