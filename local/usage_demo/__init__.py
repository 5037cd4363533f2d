"""`make usage-demo`: realistic usage, sent to the running local cloud as a customer would send it."""
