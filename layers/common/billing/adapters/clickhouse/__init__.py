"""Usage events in ClickHouse, for whom one PostgreSQL has become too small."""
