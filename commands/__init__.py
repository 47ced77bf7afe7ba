"""The commands of persistent-topk, one a file, each with a click command called `command`."""
