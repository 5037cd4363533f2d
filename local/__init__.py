"""The local cloud behind `make dev`: the whole system on this machine. Nothing in here ships."""
