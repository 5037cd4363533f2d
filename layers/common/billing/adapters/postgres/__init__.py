"""PostgreSQL: the mirror, the readers over it, who may sign in, and the schema's migrations."""
