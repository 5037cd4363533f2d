"""E-invoices as XML."""
