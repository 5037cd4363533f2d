"""A random history of Stripe, delivered as badly as can be, and whether the mirror ends in Stripe's state.

`make simulate` runs worlds, one after the other. A world is a few hundred events of the stand-in's own
making, seeded, with a clock of its own; its deliveries, its workers, what breaks and when. Everything that a
world does is an action (`actions.py`), so a world that fails can be run again, action by action, and made
shorter until what is left explains the failure.

What is real: the stand-in's handlers, the reading of events and of Stripe's answers, the use case, the
adapter, PostgreSQL as the role of the function. What is not: HTTP, the queue and Lambda, which are played by
`world.py` as their documentation describes them (at least once, in any order), and the time.
"""
