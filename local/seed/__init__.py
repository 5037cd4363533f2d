"""The demo data: three customers with histories, made through Stripe's API only.

The same calls work on the stand-in and on Stripe's test mode. The stand-in is told, by a header that is
not sent to Stripe, when things happened; on Stripe they all happen now. Everything carries a marker in its
metadata and is looked up before it is made, and every creation has an idempotency key: run again, after
a crash too, it adds only what is missing.
"""

from local.seed.seeding import seed

__all__ = ["seed"]
