"""What the ranks of a sharded call do on their devices beside the local selection."""
