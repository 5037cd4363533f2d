"""The shared fixtures, one plugin a part, and how tests are shared among workers."""

import pytest

pytest_plugins = (
    "tests.fixtures.postgres",
    "tests.fixtures.clickhouse",
    "tests.fixtures.aws",
    "tests.fixtures.stripe_data",
    "tests.fixtures.reporting",
    "tests.fixtures.fonts",
    "tests.fixtures.operated",
)

_LONGEST_FIRST = ("tests/end_to_end/", "tests/simulation/", "tests/integration/test_usage_moves.py")


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in its own
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file on one worker, all that needs the local cloud on one, and what takes longest at the front.

    A worker that gets the cloud last keeps the others waiting for it, and a second cloud is a second build.
    """
    for item in items:
        needs_cloud = "local_cloud" in getattr(item, "fixturenames", ())
        file = item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group("the local cloud" if needs_cloud else file))
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    starts = [place for place, start in enumerate(_LONGEST_FIRST) if item.nodeid.startswith(start)]
    return starts[0] if starts else len(_LONGEST_FIRST)
