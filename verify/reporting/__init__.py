"""What was found, shown: terminal, page, annotations; a row's way through its path."""
