"""Tests of the simulator, and of the real core inside it."""
