"""The little of AWS that is spoken without its SDK: docs/decisions/0008."""
