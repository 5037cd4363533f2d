"""An operator's commands: backfill, replay, the inbox, the endpoint at Stripe; local or on AWS."""
