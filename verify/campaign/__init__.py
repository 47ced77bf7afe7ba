"""The campaign: case after case, what it counts and finds, and the folder that it goes on from."""
