"""Loses a node on purpose and measures what clients feel: blocking code beside the agent, never within it."""
