"""Pure rules of billing: no I/O, no vendor types, no HTTP."""
