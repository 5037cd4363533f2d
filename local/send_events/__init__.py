"""Sends recorded Stripe events, signed, through the running system, and proves where they end.

The events are read from a folder of recordings (`--from`), never copied. Their ids and times are
normalised there: many share one id, and all happened in one second. So each pass gives the objects and
the events ids of its own, derived from a seed, and keeps the one second: every second event of
an object is a tie, which only asking Stripe can settle. The last state of each object is therefore
loaded into the stand-in of Stripe before a pass.
"""
