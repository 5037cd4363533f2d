"""Invoices as PDF: what the document says in words, where it stands on the page, and fpdf2 that draws it."""
