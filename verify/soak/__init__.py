"""Millions of rows at a GPU's rate: made, selected, judged on the device, in stages that merge."""
