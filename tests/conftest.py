"""The shared fixtures and how the tests are shared, one plugin a part."""

pytest_plugins = (
    "tests.fixtures.sharing",
    "tests.fixtures.properties",
    "tests.fixtures.postgres",
    "tests.fixtures.clickhouse",
    "tests.fixtures.aws",
    "tests.fixtures.stripe_data",
    "tests.fixtures.environment",
    "tests.fixtures.reporting",
    "tests.fixtures.fonts",
    "tests.fixtures.operated",
)
