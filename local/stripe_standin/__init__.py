"""A stateful stand-in of Stripe's API for the local cloud and the tests.

Only as large as this system needs, in the shapes of API 2026-05-27.dahlia. It keeps its objects
in one SQLite file: a change, its Event and the Event's pending deliveries are one transaction, so a
stand-in that is killed at any moment continues where it was.

Where it knowingly differs from Stripe:

- Time does not act. Drafts do not finalise by themselves; subscriptions renew, and schedules go
  to their next phase, when they are told to.
- What Stripe's test cards let happen later (a dispute, the end of a refund) happens at once or with the next
  change: `disputes.py`, `refunds.py`.
- An invoice takes any number of lines (Stripe: 250 by hand).
- The header `X-Standin-Created` gives the time that the objects of a request tell about
  themselves, so that a demo has a past. Events keep the real time, as Stripe's do.
- `/_standin/…` is a helper API of its own: see `helpers.py`.
"""

API_VERSION = "2026-05-27.dahlia"
"""The version whose shapes every answer and every Event has."""
