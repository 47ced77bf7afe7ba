"""Where cases are made: contents of rows, boundaries, families, recipes, captured scores."""
