"""Whose data counts: what a node knows of its own copy, and what a meeting of two copies means. Pure."""
