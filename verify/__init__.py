"""The differential checker: puts any top-k implementation through the contract, case by case."""
