"""The soak: millions of rows that a GPU makes, selects from and judges, in stages whose tallies add up."""
