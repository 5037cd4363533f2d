"""What others do with the same event: row e. Nothing here is shipped."""
