"""Pictures of made-up invoices for the docs: `make pictures`."""
